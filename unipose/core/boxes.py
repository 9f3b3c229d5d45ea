"""Boxes: which are accepted; around points, as COCO has them, their overlap, NMS, people among a detector's."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from unipose.core.types import Boxes, Float, Float64

# Far beyond any accepted image; with larger numbers, arithmetic on boxes would no longer be exact to the pixel.
FARTHEST = 1e6


def check_boxes(given: ArrayLike, name: str = "boxes[{}]") -> Boxes:
    """Boxes that somebody gives, box_xyxy (N, 4), or (4,) for one -> (N, 4), N from 0 up.

    Raises ValueError for the first that cannot be a person's in any image; `name` is that of a box, {} its place.
    """
    try:
        boxes = np.asarray(given, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"boxes are rows of four numbers, x1, y1, x2, y2 in pixels: {error}") from error
    boxes = boxes.reshape(-1, 4) if boxes.shape in ((0,), (4,)) else boxes
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes are (N, 4), rows of x1, y1, x2, y2 in pixels; got an array {boxes.shape}")
    for place, edge in zip(*np.nonzero(~(np.abs(boxes) <= FARTHEST)), strict=True):
        value = f"is {boxes[place, edge]}, no number from {-FARTHEST:,.0f} to {FARTHEST:,.0f}"
        raise ValueError(f"{name.format(place)}[{edge}]: {value}")
    shares = ((boxes >= 0) & (boxes <= 1)).all(axis=1)
    small = (boxes[:, 2:] - boxes[:, :2] < 1).any(axis=1)
    _refuse(boxes, shares, "is in pixels, x1, y1, x2, y2, not in shares of the image", name)
    _refuse(boxes, small, "must have x2 at least 1 more than x1, and y2 than y1", name)
    return boxes


def require_overlap(boxes: Boxes, size_wh: tuple[int, int], name: str = "boxes[{}]") -> None:
    """Raises ValueError for the first box that lies entirely outside an image of this size."""
    outside = (boxes[:, 2:] <= 0).any(axis=1) | (boxes[:, :2] >= size_wh).any(axis=1)
    _refuse(
        boxes, outside, f"lies outside the image, which covers [0, 0, {size_wh[0]}, {size_wh[1]}] once upright", name
    )


def _refuse(boxes: Boxes, wrong: ArrayLike, what: str, name: str) -> None:
    for place in np.flatnonzero(wrong):
        got = ", ".join(f"{edge:g}" for edge in boxes[place])
        raise ValueError(f"{name.format(place)}: {what}; got [{got}]")


def enclosing_box(xy: Float, padding: float = 0.0) -> Float64:
    """The box_xyxy (4,) around points (N, 2), N > 0, and their pixels, padded by `padding` x its longer side."""
    low, high = xy.min(axis=0), xy.max(axis=0) + 1.0  # a pixel centre x covers the edges x to x + 1
    grown = padding * float((high - low).max())
    return np.concatenate([low - grown, high + grown])


def to_xywh(box_xyxy: ArrayLike) -> Float64:
    """Boxes x1, y1, x2, y2 (..., 4) -> x, y, width, height (..., 4), as COCO has them."""
    corner, end = _halves(box_xyxy, "x1, y1, x2, y2")
    return np.concatenate([corner, end - corner], axis=-1)


def from_xywh(bbox: ArrayLike) -> Float64:
    """COCO's x, y, width, height (..., 4) -> box_xyxy (..., 4). Raises ValueError for other shapes."""
    corner, side = _halves(bbox, "x, y, width, height")
    return np.concatenate([corner, corner + side], axis=-1)


def _halves(boxes: ArrayLike, names: str) -> tuple[Float64, Float64]:
    array = np.asarray(boxes, np.float64)
    if array.shape[-1:] != (4,):
        raise ValueError(f"a box is {names}, got an array of shape {array.shape}")
    return array[..., :2], array[..., 2:]


@dataclass(frozen=True, eq=False)
class Detections:
    """What a detector found: box_xyxy (N, 4) at pixel edges and scores (N,) in 0..1, the best first.

    `scores` is None where the detector has no opinion, as one that takes the whole image for a person.
    """

    boxes_xyxy: Boxes
    scores: Float64 | None = None

    def __len__(self) -> int:
        return len(self.boxes_xyxy)

    def best(self, most: int | None) -> "Detections":
        """The first `most` of them."""
        return Detections(self.boxes_xyxy[:most], None if self.scores is None else self.scores[:most])


def select_people(
    box_xyxy: ArrayLike, score: ArrayLike, size_wh: tuple[int, int], threshold: float, max_iou: float = 1.0
) -> Detections:
    """A detector's boxes (N, 4) at pixel edges and scores (N,) -> the people among them, clipped to the image.

    Dropped are boxes that score below `threshold`, are less than a pixel wide or high within the image, or overlap a
    better one by an IoU above `max_iou`.
    """
    boxes, scores = np.asarray(box_xyxy, np.float64), np.asarray(score, np.float64)
    confident = (scores >= threshold) & np.isfinite(boxes).all(axis=1)
    order = np.argsort(-scores[confident], kind="stable")
    boxes, scores = np.clip(boxes[confident][order], 0, [*size_wh, *size_wh]), scores[confident][order]
    visible = (boxes[:, 2:] - boxes[:, :2] >= 1).all(axis=1)
    boxes, scores = boxes[visible], scores[visible]
    kept = nms(boxes, max_iou)
    return Detections(boxes[kept], scores[kept])


def nms(boxes: Boxes, max_iou: float) -> list[int]:
    """Non-maximum suppression: box_xyxy (N, 4), best first -> the indices of those whose IoU with every better kept box
    is at most `max_iou`; at 1 all are kept.
    """
    kept: list[int] = []
    for i in range(len(boxes)):
        if not kept or (iou(boxes[i : i + 1], boxes[kept]) <= max_iou).all():
            kept.append(i)
    return kept


def iou(a: Boxes, b: Boxes) -> Float64:
    """Intersection over union of each box_xyxy of (N, 4) with each of (M, 4), none of them empty -> (N, M)."""
    shared = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    intersection: Float64 = np.maximum(shared, 0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (a, b)]
    out: Float64 = intersection / (areas[0][:, None] + areas[1][None] - intersection)
    return out
