"""Metrics: PCK, PCKh and OKS; arrays in, numbers out. They never see a heatmap.

N people of K keypoints: `xy` and `truth` (N, K, 2) in the same pixels, `counted` (N, K) says which truths to judge.
"""

from dataclasses import dataclass, replace

import numpy as np

from unipose.core.skeleton import Skeleton
from unipose.core.types import Bool, Float64

HEAD_BOX_SHARE = 0.6  # MPII's SC_BIAS: head size = 0.6 x the diagonal of the annotated head box


@dataclass(frozen=True, eq=False)
class Correct:
    """per_keypoint (K,): the share of its counted instances that are correct, NaN without any; mean: of all counted.

    `counted` and `right` (N, K) say which were judged, and which of these are correct.
    """

    per_keypoint: Float64
    mean: float
    instances: int
    counted: Bool
    right: Bool


def pck(xy: Float64, truth: Float64, counted: Bool, skeleton: Skeleton, threshold: float = 0.2) -> Correct:
    """Percentage of correct keypoints: at most `threshold` torsos of the same person away (Yang & Ramanan, 2013).

    The torso reaches from the left shoulder to the right hip. A person whose torso is not wholly counted is left out.
    """
    a, b = skeleton.torso
    torso = np.linalg.norm(truth[:, a] - truth[:, b], axis=-1)
    counted = counted & (counted[:, a] & counted[:, b] & (torso > 0))[:, None]
    return _correct(xy, truth, counted, threshold * torso)


def pckh(
    xy: Float64, truth: Float64, counted: Bool, head_size: Float64, skeleton: Skeleton, threshold: float = 0.5
) -> Correct:
    """PCKh (Andriluka et al., CVPR 2014): at most `threshold` head sizes (N,) away.

    People without a head size (NaN) are left out; `skeleton.pckh_excluded` are left out of the mean, not of the row.
    """
    counted = counted & (head_size > 0)[:, None]
    row = _correct(xy, truth, counted, threshold * head_size)
    judged = counted.copy()
    judged[:, list(skeleton.pckh_excluded)] = False
    mean = _correct(xy, truth, judged, threshold * head_size)
    return replace(mean, per_keypoint=row.per_keypoint)


def _correct(xy: Float64, truth: Float64, counted: Bool, reach: Float64) -> Correct:
    right = counted & (np.linalg.norm(xy - truth, axis=-1) <= reach[:, None])
    instances = counted.sum(axis=0)
    per_keypoint = np.where(instances > 0, right.sum(axis=0) / np.maximum(instances, 1), np.nan)
    total = int(instances.sum())
    return Correct(per_keypoint, float(right.sum() / total) if total else float("nan"), total, counted, right)


def reliability(score: Float64, right: Bool, bins: int = 10) -> list[tuple[float, float, float]]:
    """Of each tenth of the scores (N,) that occurs: how many lie in it, their mean, and the share that is right."""
    place = np.minimum((np.asarray(score) * bins).astype(int), bins - 1)
    found = [place == i for i in range(bins)]
    return [
        (int(these.sum()), float(score[these].mean()), float(right[these].mean())) for these in found if these.any()
    ]


def auroc(positive: Float64, negative: Float64) -> float:
    """How often one of `positive` (N,) is above one of `negative` (M,); equal ones count half."""
    above = positive[:, None] - negative
    return float((above > 0).mean() + 0.5 * (above == 0).mean())


def oks(xy: Float64, truth: Float64, counted: Bool, area: Float64, skeleton: Skeleton) -> Float64:
    """Object keypoint similarity (COCO): the mean of exp(-d^2 / (2 area (2 sigma)^2)) over counted keypoints -> (N,).

    `area` (N,) in square pixels. NaN for a person with nothing counted.
    """
    variance = (2 * np.array(skeleton.oks_sigmas)) ** 2
    near = np.exp(-((xy - truth) ** 2).sum(axis=-1) / (2 * variance * area[:, None]))
    instances = counted.sum(axis=-1)
    return np.where(instances > 0, (near * counted).sum(axis=-1) / np.maximum(instances, 1), np.nan)
