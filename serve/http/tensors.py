"""Tensors of the Open Inference Protocol, as JSON: images and boxes that come in, poses that go out."""

import io
from base64 import b64decode
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from fastapi import HTTPException
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from unipose.core.pose import Pose
from unipose.core.skeleton import Skeleton

# The kinds of numpy that JSON's numbers may become, and what they are here.
_KINDS: dict[str, tuple[str, Any]] = {
    "UINT8": ("iu", np.uint8),
    "FP32": ("fiu", np.float64),
    "FP64": ("fiu", np.float64),
}


class InputTensor(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Literal["image", "boxes"]
    shape: list[int] = Field(examples=[[1]])
    datatype: Literal["BYTES", "UINT8", "FP32", "FP64"] = Field(
        description="an image is BYTES, a file as base64, of shape [1], or UINT8, RGB of shape [height, width, 3]; "
        "boxes are FP32 or FP64 of shape [n, 4]",
        examples=["BYTES"],
    )
    data: list[Any] = Field(description="flat or nested, rows first", examples=[["iVBORw0KGgo="]])
    parameters: dict[str, Any] | None = None


class OutputTensor(BaseModel):
    name: str = Field(examples=["keypoints"])
    shape: list[int] = Field(examples=[[1, 19, 2]])
    datatype: str = Field(examples=["FP32"])
    data: list[float]


def image_file(tensor: InputTensor, max_pixels: int) -> bytes:
    """The bytes of an image file. Raises HTTPException 413 or 422."""
    if tensor.datatype == "BYTES":
        if tensor.shape not in ([1], [1, 1]) or len(tensor.data) != 1 or not isinstance(tensor.data[0], str):
            raise HTTPException(422, "image: BYTES are one image file as base64, of shape [1]")
        try:
            return b64decode(tensor.data[0], validate=True)
        except ValueError as error:
            raise HTTPException(422, f"image: not base64 ({error})") from error
    shape = tensor.shape[1:] if len(tensor.shape) == 4 and tensor.shape[0] == 1 else tensor.shape
    if tensor.datatype != "UINT8" or len(shape) != 3 or shape[2] != 3 or min(shape) < 1:
        raise HTTPException(422, "image: BYTES of shape [1], or UINT8 of shape [height, width, 3]")
    if shape[0] * shape[1] > max_pixels:
        raise HTTPException(413, f"image: {shape[1]} x {shape[0]} pixels; at most {max_pixels:,} are accepted")
    file = io.BytesIO()
    Image.fromarray(_array(tensor, shape)).save(file, "BMP")  # not compressed: from here on it is a file like others
    return file.getvalue()


def boxes_of(tensor: InputTensor) -> list[list[float]]:
    """[[x1, y1, x2, y2], ...]. Raises HTTPException 422."""
    if tensor.datatype not in ("FP32", "FP64") or len(tensor.shape) != 2 or tensor.shape[1] != 4 or tensor.shape[0] < 0:
        raise HTTPException(422, "boxes: FP32 or FP64 of shape [n, 4]")
    boxes: list[list[float]] = _array(tensor, tensor.shape).tolist()
    return boxes


def _array(tensor: InputTensor, shape: Sequence[int]) -> NDArray[Any]:
    kinds, kind = _KINDS[tensor.datatype]
    try:
        array = np.array(tensor.data if tensor.data else np.zeros(0, kind))
        if array.dtype.kind not in kinds:
            raise ValueError(f"data are no numbers of the kind {tensor.datatype}")
        if kind is np.uint8 and array.size and not (array.min() >= 0 and array.max() <= 255):
            raise ValueError("UINT8 are 0 to 255")
        return array.astype(kind).reshape(shape)
    except (ValueError, OverflowError) as error:
        raise HTTPException(422, f"{tensor.name}: {error}") from error


def output_tensors(poses: Sequence[Pose], skeleton: Skeleton) -> list[OutputTensor]:
    """keypoints (n, K, 2) in pixels, scores (n, K), boxes (n, 4) and person_scores (n,)."""
    count, joints = len(poses), len(skeleton.keypoints)
    arrays = {
        "keypoints": np.array([pose.xy_image for pose in poses]).reshape(count, joints, 2).round(2),
        "scores": np.array([pose.score for pose in poses]).reshape(count, joints).round(4),
        "boxes": np.array([pose.box_xyxy for pose in poses]).reshape(count, 4).round(2),
        "person_scores": np.array([pose.person_score for pose in poses]).reshape(count).round(4),
    }
    return [
        OutputTensor(name=name, shape=list(array.shape), datatype="FP32", data=array.astype(float).ravel().tolist())
        for name, array in arrays.items()
    ]


def output_shapes(skeleton: Skeleton) -> dict[str, list[int]]:
    """As metadata state them, with -1 for how many people there are."""
    return {tensor.name: [-1, *tensor.shape[1:]] for tensor in output_tensors([], skeleton)}
