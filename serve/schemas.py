"""What the service answers, as pydantic models: they check each answer and describe it in OpenAPI."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

Score = Annotated[FiniteFloat, Field(ge=0, le=1)]


class Model(BaseModel):
    """Which model found the poses."""

    name: str = Field(examples=["unipose-lsp-s"])
    skeleton: str = Field(description="which keypoints, in which order", examples=["lsp14"])
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
    score: Score = Field(description="the mean of the keypoints' scores", examples=[0.8021])
    keypoints: list[Keypoint] = Field(description="every keypoint of the skeleton, in its order")


class PoseAnswer(BaseModel):
    """The poses found in one image."""

    width: int = Field(description="of the upright image", examples=[640])
    height: int = Field(examples=[480])
    model: Model
    poses: list[Pose] = Field(description="one for each box asked for, in that order; else the best first")


class PoseQuery(BaseModel):
    """Query parameters of `POST /pose`."""

    model_config = ConfigDict(extra="forbid")

    boxes: str | None = Field(
        None,
        description="the people to look at, as JSON: [[x1, y1, x2, y2], ...] at pixel edges of the upright image",
        examples=["[[90, 20, 290, 200]]"],
    )


class Status(BaseModel):
    status: str = Field(examples=["ok"])


class ProblemDetails(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(description="the status in words", examples=["Unprocessable Entity"])
    status: int = Field(examples=[422])
    detail: str = Field(description="what was wrong, and what would be right", examples=["boxes: Invalid JSON"])
