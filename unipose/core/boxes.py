"""Boxes: around points, their overlap, non-maximum suppression, and the people among a detector's boxes."""

import numpy as np
from numpy.typing import ArrayLike

from unipose.core.types import Boxes, Float, Float64


def enclosing_box(xy: Float, padding: float = 0.0) -> Float64:
    """The box_xyxy (4,) around points (N, 2), N > 0, and their pixels, padded by `padding` x its longer side."""
    low, high = xy.min(axis=0), xy.max(axis=0) + 1.0  # a pixel centre x covers the edges x to x + 1
    grown = padding * float((high - low).max())
    return np.concatenate([low - grown, high + grown])


def select_people(
    box_xyxy: ArrayLike, score: ArrayLike, size_wh: tuple[int, int], threshold: float, max_iou: float = 1.0
) -> Boxes:
    """A detector's boxes (N, 4) at pixel edges and scores (N,) -> box_xyxy (M, 4), best first, clipped to the image.

    Dropped are boxes that score below `threshold`, are less than a pixel wide or high within the image, or overlap a
    better one by an IoU above `max_iou`.
    """
    boxes, scores = np.asarray(box_xyxy, np.float64), np.asarray(score, np.float64)
    confident = (scores >= threshold) & np.isfinite(boxes).all(axis=1)
    order = np.argsort(-scores[confident], kind="stable")
    boxes = np.clip(boxes[confident][order], 0, [*size_wh, *size_wh])
    return nms(boxes[(boxes[:, 2:] - boxes[:, :2] >= 1).all(axis=1)], max_iou)


def nms(boxes: Boxes, max_iou: float) -> Boxes:
    """Non-maximum suppression: box_xyxy (N, 4), best first -> those whose IoU with every better kept box is at most
    `max_iou`; at 1 all are kept.
    """
    kept = np.empty((0, 4))
    while len(boxes):
        best, boxes = boxes[:1], boxes[1:]
        kept = np.concatenate([kept, best])
        boxes = boxes[iou(best, boxes)[0] <= max_iou]
    return kept


def iou(a: Boxes, b: Boxes) -> Float64:
    """Intersection over union of each box_xyxy of (N, 4) with each of (M, 4), none of them empty -> (N, M)."""
    shared = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    intersection: Float64 = np.maximum(shared, 0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (a, b)]
    out: Float64 = intersection / (areas[0][:, None] + areas[1][None] - intersection)
    return out
