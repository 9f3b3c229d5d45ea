"""Boxes: overlap, non-maximum suppression, and the people among a detector's boxes."""

import numpy as np
from numpy.typing import ArrayLike

from unipose.core.types import Boxes, Float64


def select_people(
    box_xyxy: ArrayLike, score: ArrayLike, size_wh: tuple[int, int], threshold: float, max_iou: float = 1.0
) -> Boxes:
    """A detector's boxes (N, 4) at pixel edges and scores (N,) -> box_xyxy (M, 4), the best first, within the image.

    Boxes are left out that score below `threshold`, have less than a pixel's width or height within the image, or
    overlap a better one by more than `max_iou`.
    """
    boxes, scores = np.asarray(box_xyxy, np.float64), np.asarray(score, np.float64)
    confident = (scores >= threshold) & np.isfinite(boxes).all(axis=1)
    order = np.argsort(-scores[confident], kind="stable")
    boxes = np.clip(boxes[confident][order], 0, [*size_wh, *size_wh])
    return nms(boxes[(boxes[:, 2:] - boxes[:, :2] >= 1).all(axis=1)], max_iou)


def nms(boxes: Boxes, max_iou: float) -> Boxes:
    """Non-maximum suppression: box_xyxy (N, 4), the best first -> those whose IoU with every better one that is kept is
    at most `max_iou`; at 1 all are kept.
    """
    kept = np.empty((0, 4))
    while len(boxes):
        best, boxes = boxes[:1], boxes[1:]
        kept = np.concatenate([kept, best])
        boxes = boxes[iou(best, boxes)[0] <= max_iou]
    return kept


def iou(a: Boxes, b: Boxes) -> Float64:
    """Intersection over union of each of box_xyxy (N, 4) with each of (M, 4), none of them empty -> (N, M)."""
    shared = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    intersection: Float64 = np.maximum(shared, 0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (a, b)]
    out: Float64 = intersection / (areas[0][:, None] + areas[1][None] - intersection)
    return out
