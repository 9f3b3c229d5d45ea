"""Metrics: PCK, PCKh and OKS of poses, calibration and AUROC of their scores. Arrays in, numbers out.

N people of K keypoints: predictions `xy` and ground `truth` (N, K, 2) in the same pixels; `counted` (N, K) says which
keypoints are evaluated.
"""

from dataclasses import dataclass, replace

import numpy as np

from unipose.core.pose import Pose
from unipose.core.skeleton import Skeleton
from unipose.core.types import Bool, Float64

HEAD_BOX_SHARE = 0.6  # MPII's SC_BIAS: head size = 0.6 x the diagonal of the annotated head box


@dataclass(frozen=True, eq=False)
class Correct:
    """per_keypoint (K,): the share of a keypoint's counted instances that are correct, NaN without any; mean: of all.

    `instances` is the number counted; `counted` and `right` (N, K) say which were evaluated, and which are correct.
    """

    per_keypoint: Float64
    mean: float
    instances: int
    counted: Bool
    right: Bool


def pck(xy: Float64, truth: Float64, counted: Bool, skeleton: Skeleton, threshold: float = 0.2) -> Correct:
    """Percentage of correct keypoints: within `threshold` x the person's torso length (Yang & Ramanan, 2013).

    The torso runs from the left shoulder to the right hip. People are left out unless both of its ends are counted.
    """
    a, b = skeleton.torso
    torso = np.linalg.norm(truth[:, a] - truth[:, b], axis=-1)
    counted = counted & (counted[:, a] & counted[:, b] & (torso > 0))[:, None]
    return _correct(xy, truth, counted, threshold * torso)


def pckh(
    xy: Float64, truth: Float64, counted: Bool, head_size: Float64, skeleton: Skeleton, threshold: float = 0.5
) -> Correct:
    """PCKh (Andriluka et al., CVPR 2014): correct keypoints are within `threshold` x the person's `head_size` (N,).

    People without a head size (NaN) are left out; `skeleton.pckh_excluded` are left out of the mean only.
    """
    counted = counted & (head_size > 0)[:, None]
    every = _correct(xy, truth, counted, threshold * head_size)
    averaged = counted.copy()
    averaged[:, list(skeleton.pckh_excluded)] = False
    mean = _correct(xy, truth, averaged, threshold * head_size)
    return replace(mean, per_keypoint=every.per_keypoint)


def _correct(xy: Float64, truth: Float64, counted: Bool, max_distance: Float64) -> Correct:
    right = counted & (np.linalg.norm(xy - truth, axis=-1) <= max_distance[:, None])
    instances = counted.sum(axis=0)
    per_keypoint = np.where(instances > 0, right.sum(axis=0) / np.maximum(instances, 1), np.nan)
    total = int(instances.sum())
    return Correct(per_keypoint, float(right.sum() / total) if total else float("nan"), total, counted, right)


def reliability(score: Float64, right: Bool, bins: int = 10) -> list[tuple[float, float, float]]:
    """A reliability diagram of scores (N,) in 0..1: count, mean score and share of `right` of each bin with scores."""
    index = np.minimum((np.asarray(score) * bins).astype(int), bins - 1)
    members = [index == i for i in range(bins)]
    return [
        (int(these.sum()), float(score[these].mean()), float(right[these].mean())) for these in members if these.any()
    ]


def auroc(positive: Float64, negative: Float64) -> float:
    """Area under the ROC curve: how often one of `positive` (N,) exceeds one of `negative` (M,); ties count half."""
    above = positive[:, None] - negative
    return float((above > 0).mean() + 0.5 * (above == 0).mean())


def oks(xy: Float64, truth: Float64, counted: Bool, area: Float64, skeleton: Skeleton) -> Float64:
    """Object keypoint similarity (COCO): the mean of exp(-d^2 / (2 area (2 sigma)^2)) over counted keypoints -> (N,).

    `area` (N,) in square pixels. NaN for a person without counted keypoints.
    """
    variance = (2 * np.array(skeleton.oks_sigmas)) ** 2
    similarity = np.exp(-((xy - truth) ** 2).sum(axis=-1) / (2 * variance * area[:, None]))
    instances = counted.sum(axis=-1)
    return np.where(instances > 0, (similarity * counted).sum(axis=-1) / np.maximum(instances, 1), np.nan)


def pose_oks(a: Pose, b: Pose, skeleton: Skeleton) -> float:
    """The OKS of two poses over the keypoints confident in both, with the mean of their `body_box` areas; 0 without."""
    both = a.confident & b.confident
    if not both.any():
        return 0.0
    area = np.mean([np.prod(pose.body_box[2:] - pose.body_box[:2]) for pose in (a, b)])
    return pair_oks(a, b, both, float(area), skeleton)


def pair_oks(a: Pose, b: Pose, counted: Bool, area: float, skeleton: Skeleton) -> float:
    """The OKS of two poses over the keypoints `counted` (K,), for a person of this area in square pixels."""
    xy = [np.asarray(pose.xy_image, np.float64)[None] for pose in (a, b)]
    return float(oks(xy[0], xy[1], counted[None], np.array([area]), skeleton)[0])
