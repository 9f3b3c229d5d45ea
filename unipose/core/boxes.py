"""People: a detector's scored boxes to the boxes of an image's people."""

import numpy as np
from numpy.typing import ArrayLike

from unipose.core.types import Boxes


def people(
    box_xyxy: ArrayLike, score: ArrayLike, size_wh: tuple[int, int], threshold: float, overlap: float = 1.0
) -> Boxes:
    """Boxes (N, 4) at pixel edges and scores (N,) -> box_xyxy (M, 4), the best first, clipped to the image.

    Left out are scores below `threshold`, boxes of less than a pixel's width or height within the image, and, as
    `suppress` does, those that overlap a better one.
    """
    boxes, scores = np.asarray(box_xyxy, np.float64), np.asarray(score, np.float64)
    sure = (scores >= threshold) & np.isfinite(boxes).all(axis=1)
    order = np.argsort(-scores[sure], kind="stable")
    boxes = np.clip(boxes[sure][order], 0, [*size_wh, *size_wh])
    return suppress(boxes[(boxes[:, 2:] - boxes[:, :2] >= 1).all(axis=1)], overlap)


def suppress(boxes: Boxes, overlap: float) -> Boxes:
    """Non-maximum suppression: box_xyxy (N, 4), the best first -> those whose intersection with every better one that
    stays is at most `overlap` of their union. At 1 all stay.
    """
    kept = np.empty((0, 4))
    while len(boxes):
        best, boxes = boxes[:1], boxes[1:]
        kept = np.concatenate([kept, best])
        boxes = boxes[iou(best, boxes)[0] <= overlap]
    return kept


def iou(a: Boxes, b: Boxes) -> Boxes:
    """Intersection over union of each of box_xyxy (N, 4) with each of (M, 4), none of them empty -> (N, M)."""
    shared = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    intersection: Boxes = np.maximum(shared, 0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (a, b)]
    out: Boxes = intersection / (areas[0][:, None] + areas[1][None] - intersection)
    return out
