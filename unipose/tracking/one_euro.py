"""One-Euro filter (Casiez, Roussel & Vogel, CHI 2012) for a person's keypoints, in seconds and body sizes."""

from dataclasses import dataclass
from math import tau

import numpy as np

from unipose.core.types import Float64

BEST_SCORE_CUTOFF = 0.5  # Hz, at which the memory of a keypoint's best score decays


@dataclass(frozen=True)
class OneEuro:
    """A first-order low-pass per keypoint whose cutoff rises with speed: steady at rest, with little lag in motion.

    cutoff = `min_cutoff` + `beta` x speed, in Hz. The speed is in body sizes per second, so that it means the same for
    near and far people, and is itself low-passed at `speed_cutoff` Hz. Raises ValueError for values out of range.
    """

    min_cutoff: float = 2.0
    beta: float = 14.0
    speed_cutoff: float = 2.0

    def __post_init__(self) -> None:
        if self.min_cutoff <= 0 or self.beta < 0 or self.speed_cutoff <= 0:
            raise ValueError(f"the cutoffs are positive frequencies and beta is not negative, got {self}")

    def lag(self, speed: float) -> float:
        """Seconds by which a trusted keypoint of steady speed (body sizes per second) lags: 1 / (2 pi cutoff)."""
        return 1 / (tau * (self.min_cutoff + self.beta * speed))


DEFAULT_SMOOTHING = OneEuro()


class Smoother:
    """One person's keypoints through a One-Euro filter, frame by frame, at whatever times the frames have.

    A keypoint's trust, by which its cutoff is multiplied, is the square of its score over its best score of late: one
    that jumps to a wrong place mostly scores low there, and is followed slowly.
    """

    def __init__(self, settings: OneEuro):
        self._settings = settings
        self._time = 0.0
        self._last: Float64 | None = None
        self._smooth = self._velocity = np.zeros((0, 2))
        self._best_score = np.zeros((0, 1))

    def __call__(self, xy: Float64, score: Float64, size: float, time: float) -> Float64:
        """xy (K, 2) and the person's size in pixels, score (K,), the frame's time in seconds -> smooth xy (K, 2).

        Times grow from call to call.
        """
        score = np.maximum(score[:, None], 1e-3)
        if self._last is None:
            self._last, self._smooth, self._velocity, self._best_score = xy, xy, np.zeros_like(xy), score
            self._time = time
            return xy
        elapsed, self._time = time - self._time, time
        s = self._settings
        decayed = self._best_score + gain(BEST_SCORE_CUTOFF, elapsed) * (score - self._best_score)
        self._best_score = np.maximum(score, decayed)
        trust = (score / self._best_score) ** 2
        # Casiez et al., equations 3 to 6
        velocity = (xy - self._last) / (size * elapsed)
        self._velocity = self._velocity + trust * gain(s.speed_cutoff, elapsed) * (velocity - self._velocity)
        cutoff = s.min_cutoff + s.beta * np.linalg.norm(self._velocity, axis=1, keepdims=True)
        self._smooth = self._smooth + gain(trust * cutoff, elapsed) * (xy - self._smooth)
        self._last = xy
        return self._smooth


def gain(cutoff: float | Float64, elapsed: float) -> Float64:
    """How much of the new value a first-order low-pass takes over after `elapsed` seconds."""
    return 1 / (1 + 1 / (tau * np.asarray(cutoff) * elapsed))
