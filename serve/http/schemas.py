"""Request parameters and answers as pydantic models, which validate them and describe them in OpenAPI."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from unipose.core.pose_formats import DOCUMENTS

Score = Annotated[FiniteFloat, Field(ge=0, le=1)]


class Model(BaseModel):
    """Which model found the poses."""

    name: str = Field(examples=["unipose-s"])
    skeleton: str = Field(description="which keypoints, in which order", examples=["body19"])
    version: str = Field(examples=["1"])


class Keypoint(BaseModel):
    """A joint, in pixels of the upright image; whole numbers are pixel centres."""

    name: str = Field(examples=["left_wrist"])
    x: FiniteFloat = Field(examples=[211.37])
    y: FiniteFloat = Field(examples=[96.02])
    score: Score = Field(examples=[0.8713])


class Pose(BaseModel):
    """One person."""

    box: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat] = Field(
        description="x1, y1, x2, y2 at pixel edges: what the person was found in", examples=[[90.0, 20.0, 290.0, 200.0]]
    )
    score: Score = Field(
        description="how likely the pose is right, of a person whom the service found; else the keypoints' mean score",
        examples=[0.8021],
    )
    keypoints: list[Keypoint] = Field(description="every keypoint of the skeleton, in its order")


class PoseAnswer(BaseModel):
    """The poses found in one image."""

    width: int = Field(description="of the upright image", examples=[640])
    height: int = Field(examples=[480])
    model: Model
    poses: list[Pose] = Field(
        description="one for each box asked for, in that order; else the best first, none where nobody is found"
    )


class CocoAnswer(BaseModel):
    """The same as a COCO keypoint file with one image; keypoints are x, y, score."""

    images: list[dict[str, Any]] = Field(examples=[[{"id": 1, "width": 640, "height": 480}]])
    categories: list[dict[str, Any]] = Field(examples=[[{"id": 1, "name": "person", "keypoints": ["left_wrist"]}]])
    annotations: list[dict[str, Any]] = Field(
        examples=[[{"id": 1, "image_id": 1, "category_id": 1, "keypoints": [211.37, 96.02, 0.87], "score": 0.8}]]
    )


class OpenPosePerson(BaseModel):
    person_id: list[int] = Field(examples=[[-1]])
    pose_keypoints_2d: list[FiniteFloat] = Field(
        description="x, y, score in BODY_18 order; zeros for joints the skeleton does not have",
        examples=[[0.0, 0.0, 0.0]],
    )


class OpenPoseAnswer(BaseModel):
    """The same as OpenPose writes it."""

    version: float = Field(examples=[1.3])
    people: list[OpenPosePerson]


Answer = PoseAnswer | CocoAnswer | OpenPoseAnswer


class AnswerQuery(BaseModel):
    """How to answer."""

    model_config = ConfigDict(extra="forbid")

    format: Literal[tuple(DOCUMENTS)] = Field(  # type: ignore[valid-type]  # known only at run time
        "native", description="the form of the answer"
    )
    score_threshold: Score | None = Field(
        None, description="people with a lower score are left out; by default the service's own choice, none for boxes"
    )
    max_people: int | None = Field(
        None, ge=1, description="most people, the detector's best first; never more than the service's own limit"
    )


class PoseQuery(AnswerQuery):
    boxes: str | None = Field(
        None,
        description="the people to look at, as JSON: [[x1, y1, x2, y2], ...] at pixel edges of the upright image",
        examples=["[[90, 20, 290, 200]]"],
    )


class ProblemDetails(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(description="the status in words", examples=["Unprocessable Entity"])
    status: int = Field(examples=[422])
    detail: str = Field(description="what was wrong, and what would be right", examples=["boxes: Invalid JSON"])
    request_id: str | None = Field(None, description="also in the log and in X-Request-ID", examples=["5f1c"])


class Result(BaseModel):
    """One image of several: its answer, or what was wrong with it alone."""

    answer: Answer | None = None
    problem: ProblemDetails | None = None


class BatchAnswer(BaseModel):
    results: list[Result] = Field(description="one for each image, in their order")


class ServedModel(Model):
    """A model that answers, and what its answers mean."""

    keypoints: list[str] = Field(examples=[["left_elbow", "left_wrist"]])
    limbs: list[tuple[int, int]] = Field(description="pairs of keypoints to draw", examples=[[[0, 1]]])
    mirror: list[int] = Field(description="each keypoint's partner in a mirrored image", examples=[[0, 1]])
    input_wh: tuple[int, int] = Field(description="what a person is scaled to", examples=[[192, 256]])
    stride: int = Field(description="input pixels in a heatmap cell", examples=[4])
    margin: float = Field(description="the crop over a person's box", examples=[1.25])
    engine: str = Field(examples=["onnxruntime"])
    device: str = Field(examples=["cpu"])
    detector: str = Field(examples=["finder"])
    min_score: float | None = Field(
        description="found people with a lower score are left out, by default", examples=[0.36]
    )
    sha256: str | None = Field(description="of the model file", examples=["0a1b..."])
    provenance: dict[str, Any] = Field(description="what its weights were made from")


class Models(BaseModel):
    models: list[ServedModel]


class Status(BaseModel):
    status: str = Field(examples=["ok"])
