"""The codec of person boxes: boxes to a finder's five maps and back, the only file that knows both directions.

Map 0 is the logit that a person's box is centred in a cell. Maps 1 to 4 are the logarithms of the distances from the
cell's centre to the box's left, top, right and bottom edge, in cells, where that cell belongs to a box. Maps cover the
network's input edge to edge; in their frame cell i covers the edges i to i + 1. After TTFNet (Liu et al., AAAI 2020).
"""

from dataclasses import dataclass

import cv2
import numpy as np

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

    Where a box is `ignored` (N,), as of people who cannot be made out, finding somebody is neither asked nor punished.
    A cell that several boxes claim belongs to the smallest.
    """
    width, height = size_wh
    x, y = np.arange(width) + 0.5, np.arange(height)[:, None] + 0.5
    centre, height_there = np.zeros((height, width)), np.zeros((height, width))
    owner = np.full((height, width), -1)
    hidden, shown = np.zeros((height, width), bool), np.zeros((height, width), bool)
    sides = np.maximum(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], 0.5)
    for i in np.argsort(-sides.prod(axis=1), kind="stable"):  # the largest first: smaller ones take cells from it
        left, top, right, bottom = boxes_xyxy[i]
        inside = (x > left) & (x < right) & (y > top) & (y < bottom)
        if ignored[i]:
            hidden |= inside
            continue
        shown |= inside
        middle = np.clip(np.floor([(left + right) / 2, (top + bottom) / 2]), 0, [width - 1, height - 1]) + 0.5
        sigma = np.maximum(sides[i] * GAUSSIAN, MIN_SIGMA)
        gaussian = np.exp(-(((x - middle[0]) / sigma[0]) ** 2 + ((y - middle[1]) / sigma[1]) ** 2) / 2)
        centre = np.maximum(centre, gaussian)
        owner[gaussian > OWNED], height_there[gaussian > OWNED] = i, gaussian[gaussian > OWNED]
    edges, weight = np.zeros((4, height, width)), np.zeros((height, width))
    for i in np.unique(owner[owner >= 0]):
        own = owner == i
        edges[:, own] = boxes_xyxy[i][:, None]
        weight[own] = height_there[own] / height_there[own].sum() * np.log(sides[i].prod() + np.e)
    counted = ~(hidden & ~shown)
    return BoxTarget(centre.astype(np.float32), counted, edges.astype(np.float32), weight.astype(np.float32))


def decode(maps: Float32, threshold: float, most: int = 100) -> tuple[Float64, Float64]:
    """One image's maps (5, h, w) -> box_xyxy (N, 4) in cells and scores (N,), the best first, of at most `most`.

    A box is a cell whose score is the largest of its 3 x 3 neighbourhood and at least `threshold`.
    """
    score = 1 / (1 + np.exp(-maps[0].astype(np.float64)))
    peaks = (score >= cv2.dilate(score, np.ones((3, 3)))) & (score >= threshold)
    rows, columns = np.nonzero(peaks)
    best = np.argsort(-score[rows, columns], kind="stable")[:most]
    rows, columns = rows[best], columns[best]
    distance = np.exp(np.clip(maps[1:, rows, columns].astype(np.float64), -MAX_LOG_DISTANCE, MAX_LOG_DISTANCE))
    x, y = columns + 0.5, rows + 0.5
    boxes = np.stack([x - distance[0], y - distance[1], x + distance[2], y + distance[3]], axis=1)
    return boxes, score[rows, columns]
