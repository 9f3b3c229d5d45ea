"""The codec of person boxes: boxes to a finder's five maps and back, the only file that knows both directions.

Map 0 is the logit that a person's box is centred in a cell. Maps 1 to 4 are the logarithms of the distances from the
cell's centre to the box's left, top, right and bottom edge, in cells, where that cell belongs to a box. Maps cover the
network's input edge to edge; in their frame cell i covers the edges i to i + 1. After TTFNet (Liu et al., AAAI 2020).
"""

from dataclasses import dataclass

import cv2
import numpy as np

from unipose.core.logistic import logistic
from unipose.core.skeleton import Skeleton
from unipose.core.types import Bool, Boxes, Float32, Float64

MAPS = Skeleton(
    name="person_box",
    keypoints=("centre", "left", "top", "right", "bottom"),
    mirror=(0, 3, 2, 1, 4),
    limbs=(),
    oks_sigmas=(0.1,) * 5,
    torso=(0, 0),
)
"""What a finder's maps stand for, and which of them trade places in a mirrored image."""

GAUSSIAN = 0.54 / 6  # sigma of a centre's Gaussian over the box's side
MIN_SIGMA = 0.45  # cells
OWNED = 0.05  # the height of its Gaussian from which a cell belongs to a box
MAX_LOG_DISTANCE = 5.0


@dataclass(frozen=True, eq=False)
class BoxTarget:
    """What a finder's maps (5, h, w) are trained towards.

    centre (h, w): Gaussians of peak 1; counted (h, w): where map 0 is judged; edges_xyxy (4, h, w): the box that a cell
    belongs to, in cells; weight (h, w): how much a cell's box counts, which sums to log(area + e) over each box.
    """

    centre: Float32
    counted: Bool
    edges_xyxy: Float32
    weight: Float32


def encode(boxes_xyxy: Boxes, ignored: Bool, size_wh: tuple[int, int]) -> BoxTarget:
    """Boxes (N, 4) in cells of a map of this size -> the target.

    Where a box is `ignored` (N,), as of people who cannot be made out, finding somebody is neither asked nor punished,
    but within the boxes of the others. A cell that several boxes claim belongs to the smallest.
    """
    width, height = size_wh
    x, y = np.arange(width, dtype=np.float32) + 0.5, np.arange(height, dtype=np.float32)[:, None] + 0.5
    sides = np.maximum(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], 0.5)
    order = np.argsort(sides.prod(axis=1), kind="stable")  # the smallest first: argmax below finds the first
    boxes, sides, hidden = boxes_xyxy[order].astype(np.float32), sides[order].astype(np.float32), ignored[order]
    left, top, right, bottom = boxes.T[..., None, None]
    inside = ((x > left) & (x < right)) & ((y > top) & (y < bottom))
    counted = inside[~hidden].any(axis=0) | ~inside[hidden].any(axis=0)
    boxes, sides = boxes[~hidden], sides[~hidden]
    if not len(boxes):
        empty = np.zeros((5, height, width), np.float32)
        return BoxTarget(empty[0], counted, empty[1:], empty[0])
    middle = np.clip(np.floor((boxes[:, :2] + boxes[:, 2:]) / 2), 0, [width - 1, height - 1]).astype(np.float32) + 0.5
    sigma = np.maximum(sides * np.float32(GAUSSIAN), MIN_SIGMA)
    across = np.exp(-(((x - middle[:, :1]) / sigma[:, :1]) ** 2) / 2)
    down = np.exp(-(((y[:, 0] - middle[:, 1:]) / sigma[:, 1:]) ** 2) / 2)
    gaussians = down[:, :, None] * across[:, None, :]
    claims = gaussians > OWNED
    owner, owned = claims.argmax(axis=0), claims.any(axis=0)
    share = np.where(owned, np.take_along_axis(gaussians, owner[None], axis=0)[0], 0)
    total = np.bincount(owner.ravel(), share.ravel(), len(boxes))
    worth = np.log(sides.prod(axis=1) + np.e) / np.maximum(total, 1e-6)
    edges = np.where(owned, boxes.T[:, owner], 0)
    weight = (share * worth[owner]).astype(np.float32)
    return BoxTarget(gaussians.max(axis=0), counted, edges, weight)


def decode(maps: Float32, threshold: float, most: int = 100) -> tuple[Float64, Float64]:
    """One image's maps (5, h, w) -> box_xyxy (N, 4) in cells and scores (N,), the best first, of at most `most`.

    A box is a cell whose score is the largest of its 3 x 3 neighbourhood and at least `threshold`.
    """
    score = logistic(maps[0])
    peaks = (score >= cv2.dilate(score, np.ones((3, 3)))) & (score >= threshold)
    rows, columns = np.nonzero(peaks)
    best = np.argsort(-score[rows, columns], kind="stable")[:most]
    rows, columns = rows[best], columns[best]
    distance = np.exp(np.clip(maps[1:, rows, columns].astype(np.float64), -MAX_LOG_DISTANCE, MAX_LOG_DISTANCE))
    x, y = columns + 0.5, rows + 0.5
    boxes = np.stack([x - distance[0], y - distance[1], x + distance[2], y + distance[3]], axis=1)
    return boxes, score[rows, columns]
