"""A person's box as five more keypoints, which UniPose can find in one look (Artacho & Savakis 2020)."""

from dataclasses import replace

import numpy as np

from unipose.core.skeleton import Skeleton
from unipose.core.types import Float, Float64

POINTS = ("box_centre", "box_top_left", "box_top_right", "box_bottom_left", "box_bottom_right")
MIRROR = (0, 2, 1, 4, 3)
SIGMA = 0.08  # of OKS; no metric asks for these points


def with_box(skeleton: Skeleton) -> Skeleton:
    """A skeleton of K keypoints with the five points of the box after them. Raises ValueError if it has them."""
    count = len(skeleton.keypoints)
    return replace(
        skeleton,
        name=f"{skeleton.name}_box",
        keypoints=skeleton.keypoints + POINTS,
        mirror=skeleton.mirror + tuple(count + i for i in MIRROR),
        oks_sigmas=skeleton.oks_sigmas + (SIGMA,) * len(POINTS),
        pckh_excluded=skeleton.pckh_excluded + tuple(range(count, count + len(POINTS))),
    )


def without_box(skeleton: Skeleton) -> Skeleton:
    """The inverse of `with_box`; of a skeleton without the five points itself."""
    if not has_box(skeleton):
        return skeleton
    count = len(skeleton.keypoints) - len(POINTS)
    return replace(
        skeleton,
        name=skeleton.name.removesuffix("_box"),
        keypoints=skeleton.keypoints[:count],
        mirror=skeleton.mirror[:count],
        oks_sigmas=skeleton.oks_sigmas[:count],
        pckh_excluded=tuple(i for i in skeleton.pckh_excluded if i < count),
    )


def has_box(skeleton: Skeleton) -> bool:
    return skeleton.keypoints[-len(POINTS) :] == POINTS


def to_points(box_xyxy: Float) -> Float64:
    """box_xyxy (4,) at pixel edges -> its points (5, 2) at pixel centres."""
    left, top, right, bottom = np.asarray(box_xyxy, np.float64) - 0.5
    centre = ((left + right) / 2, (top + bottom) / 2)
    return np.array([centre, (left, top), (right, top), (left, bottom), (right, bottom)])


def from_points(xy: Float) -> Float64:
    """Five points (5, 2) at pixel centres -> box_xyxy (4,) at pixel edges: its edges are the means of two corners'."""
    _, top_left, top_right, bottom_left, bottom_right = np.asarray(xy, np.float64) + 0.5
    low = (top_left[0] + bottom_left[0]) / 2, (top_left[1] + top_right[1]) / 2
    high = (top_right[0] + bottom_right[0]) / 2, (bottom_left[1] + bottom_right[1]) / 2
    return np.array([*low, *high])
