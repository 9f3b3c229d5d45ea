"""Calm: how much keypoints tremble, and how far they are behind; arrays in, numbers out.

T frames of one person's K keypoints: `xy` and `truth` (T, K, 2) in the same pixels, `size` the person's in pixels.
"""

import numpy as np

from unipose.core.types import Bool, Float64
from unipose.tracking.one_euro import OneEuro, Smoother

STILL = 0.25  # body sizes per second, below which a keypoint is at rest
MOVING = 0.5  # above which it is in motion
SPEED_FRAMES = 2  # to either side, over which a true speed is taken: labels tremble, too


def speed(truth: Float64, size: float, rate: float) -> Float64:
    """True speed (T, K) in body sizes per second, at `rate` frames per second; at the ends, the nearest one."""
    n = SPEED_FRAMES
    moved = np.linalg.norm(truth[2 * n :] - truth[: -2 * n], axis=-1) * rate / (2 * n * size)
    return np.pad(moved, ((n, n), (0, 0)), mode="edge")


def acceleration(xy: Float64, chosen: Bool, size: float) -> float:
    """The mean length of the second difference from frame to frame, in percent of the body size, where a keypoint is
    `chosen` (T, K) in the three frames of it; NaN where none is.
    """
    second = np.linalg.norm(xy[2:] - 2 * xy[1:-1] + xy[:-2], axis=-1)
    counted = chosen[2:] & chosen[1:-1] & chosen[:-2]
    return float(100 * second[counted].mean() / size) if counted.any() else float("nan")


def lag(xy: Float64, truth: Float64, chosen: Bool, most: float = 5.0) -> float:
    """By how many frames `xy` is behind: the delay of the truth, to a twentieth of a frame and at most `most`, that is
    nearest to `xy` where a keypoint is `chosen` (T, K); negative where it is ahead. NaN where none is.

    The distance is the mean one, not its square, so that gross mistakes count little.
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
    """xy (T, K, 2) and score (T, K) at `rate` frames per second -> xy (T, K, 2)."""
    smoother = Smoother(settings)
    return np.array([smoother(*frame, size, i / rate) for i, frame in enumerate(zip(xy, score, strict=True))])
