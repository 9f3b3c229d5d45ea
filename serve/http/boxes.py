"""The `boxes` parameter: JSON text to box_xyxy arrays, validated."""

from collections.abc import Sequence

from fastapi import HTTPException
from pydantic import TypeAdapter, ValidationError

from unipose.core import boxes as core
from unipose.core.types import Boxes

_BOXES = TypeAdapter(list[tuple[float, float, float, float]])


def parse_boxes(text: str, max_people: int) -> Boxes:
    """`[[x1, y1, x2, y2], ...]` -> (N, 4), N from 0 to `max_people`. Raises HTTPException 422 for anything else."""
    try:
        boxes = _BOXES.validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = "".join(f"[{index}]" for index in first["loc"])
        raise HTTPException(422, f"boxes{place}: {first['msg']}; boxes are JSON, [[x1, y1, x2, y2], ...]") from error
    return check(boxes, max_people)


def check(given: Sequence[Sequence[float]], max_people: int) -> Boxes:
    """Numbers -> (N, 4). Raises HTTPException 422 for boxes that cannot be, and for too many."""
    try:
        boxes = core.check_boxes(given)
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    if len(boxes) > max_people:
        raise HTTPException(422, f"boxes: {len(boxes)} of them; at most {max_people} are accepted in one request")
    return boxes


def require_overlap(boxes: Boxes, width: int, height: int) -> None:
    """Raises HTTPException 422 for a box that lies entirely outside the image."""
    try:
        core.require_overlap(boxes, (width, height))
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
