"""Formats: poses found to the form of answer that was asked for."""

from collections.abc import Callable

from fastapi import HTTPException

from serve.http.schemas import Answer, CocoAnswer, OpenPoseAnswer, PoseAnswer
from serve.service import Found
from unipose.core.model_spec import ModelSpec


def native(found: Found, spec: ModelSpec) -> PoseAnswer:
    poses = [pose.to_native(spec.skeleton) for pose in found.poses]
    return PoseAnswer.model_validate(
        {"width": found.width, "height": found.height, "model": spec.to_identity(), "poses": poses}
    )


def coco(found: Found, spec: ModelSpec) -> CocoAnswer:
    person = {
        "id": 1,
        "name": "person",
        "keypoints": list(spec.skeleton.keypoints),
        "skeleton": [[a + 1, b + 1] for a, b in spec.skeleton.limbs],  # COCO counts keypoints from 1
    }
    return CocoAnswer(
        images=[{"id": 1, "width": found.width, "height": found.height}],
        categories=[person],
        annotations=[{"id": i, **pose.to_coco(image_id=1)} for i, pose in enumerate(found.poses, 1)],
    )


def openpose(found: Found, spec: ModelSpec) -> OpenPoseAnswer:
    """Raises HTTPException 422 for a skeleton that has no such form."""
    try:
        people = [pose.to_openpose(spec.skeleton) for pose in found.poses]
    except ValueError as error:
        raise HTTPException(422, f"format: {error}; ask for native or coco") from error
    return OpenPoseAnswer.model_validate({"version": 1.3, "people": people})


FORMATS: dict[str, Callable[[Found, ModelSpec], Answer]] = {"native": native, "coco": coco, "openpose": openpose}
