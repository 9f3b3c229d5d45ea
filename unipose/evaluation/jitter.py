"""Jitter: how much keypoints shake at rest, and how far they lag in motion; arrays in, numbers out.

T frames of one person's K keypoints: `xy` and `truth` (T, K, 2) in the same pixels, `size` the person's in pixels.
"""

import numpy as np

from unipose.core.types import Bool, Float64
from unipose.tracking.one_euro import OneEuro, Smoother

STILL = 0.25  # body sizes per second, below which a keypoint is at rest
MOVING = 0.5  # body sizes per second, above which it is in motion
SPEED_FRAMES = 2  # to either side, over which the true speed is measured, since labels shake too


def speed(truth: Float64, size: float, rate: float) -> Float64:
    """True speed (T, K) in body sizes per second, at `rate` frames per second; the ends repeat the nearest value."""
    n = SPEED_FRAMES
    moved = np.linalg.norm(truth[2 * n :] - truth[: -2 * n], axis=-1) * rate / (2 * n * size)
    return np.pad(moved, ((n, n), (0, 0)), mode="edge")


def acceleration(xy: Float64, chosen: Bool, size: float) -> float:
    """The mean length of the second difference over frames, in percent of the body size, of keypoints `chosen` (T, K)
    in all three frames; NaN without any.
    """
    second = np.linalg.norm(xy[2:] - 2 * xy[1:-1] + xy[:-2], axis=-1)
    counted = chosen[2:] & chosen[1:-1] & chosen[:-2]
    return float(100 * second[counted].mean() / size) if counted.any() else float("nan")


def lag(xy: Float64, truth: Float64, chosen: Bool, most: float = 5.0) -> float:
    """By how many frames `xy` lags: the delay of the truth, to a twentieth of a frame and at most `most`, that is
    closest to `xy` over keypoints `chosen` (T, K); negative where `xy` is ahead. NaN without any.

    Closest by the mean distance, not its square, so that gross errors count little.
    """
    frames = np.arange(len(truth), dtype=np.float64)
    inner = (frames >= most) & (frames <= frames[-1] - most)
    counted = chosen & inner[:, None]
    if not counted.any():
        return float("nan")
    delays = np.linspace(-most, most, round(40 * most) + 1)

    def distance(delay: float) -> float:
        delayed = np.stack(
            [[np.interp(frames - delay, frames, axis) for axis in keypoint.T] for keypoint in truth.transpose(1, 0, 2)]
        ).transpose(2, 0, 1)
        return float(np.linalg.norm(xy - delayed, axis=-1)[counted].mean())

    return float(delays[np.argmin([distance(delay) for delay in delays])])


def smoothed(xy: Float64, score: Float64, size: float, rate: float, settings: OneEuro) -> Float64:
    """xy (T, K, 2) and score (T, K) at `rate` frames per second -> xy (T, K, 2) after the filter."""
    smoother = Smoother(settings)
    return np.array([smoother(*frame, size, i / rate) for i, frame in enumerate(zip(xy, score, strict=True))])
