"""The `boxes` parameter: JSON text to box_xyxy arrays, validated."""

from typing import Annotated

import numpy as np
from fastapi import HTTPException
from numpy.typing import ArrayLike
from pydantic import Field, FiniteFloat, TypeAdapter, ValidationError

from unipose.core.types import Boxes

# Far beyond any accepted image; with larger numbers, arithmetic on boxes would no longer be exact to the pixel.
_Edge = Annotated[FiniteFloat, Field(ge=-1e6, le=1e6)]
_BOXES = TypeAdapter(list[tuple[_Edge, _Edge, _Edge, _Edge]])


def parse_boxes(text: str, max_people: int) -> Boxes:
    """`[[x1, y1, x2, y2], ...]` -> (N, 4), N from 0 to `max_people`. Raises HTTPException 422 for anything else."""
    try:
        boxes = np.array(_BOXES.validate_json(text, strict=True), np.float64).reshape(-1, 4)
    except ValidationError as error:
        first = error.errors()[0]
        place = "".join(f"[{index}]" for index in first["loc"])
        raise HTTPException(422, f"boxes{place}: {first['msg']}; boxes are JSON, [[x1, y1, x2, y2], ...]") from error
    if len(boxes) > max_people:
        raise HTTPException(422, f"boxes: {len(boxes)} of them; at most {max_people} are accepted in one request")
    small = (boxes[:, 2:] - boxes[:, :2] < 1).any(axis=1)
    _refuse(small, "must have x2 at least 1 more than x1, and y2 than y1")
    return boxes


def require_overlap(boxes: Boxes, width: int, height: int) -> None:
    """Raises HTTPException 422 for a box that lies entirely outside the image."""
    outside = (boxes[:, 2:] <= 0).any(axis=1) | (boxes[:, :2] >= [width, height]).any(axis=1)
    _refuse(outside, f"lies outside the image, which covers [0, 0, {width}, {height}] once upright")


def _refuse(wrong: ArrayLike, what: str) -> None:
    for index in np.flatnonzero(wrong):
        raise HTTPException(422, f"boxes[{index}]: {what}")
