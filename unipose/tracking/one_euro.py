"""Smooth: the One-Euro filter (Casiez, Roussel & Vogel, CHI 2012) on keypoints, in seconds and body sizes."""

from dataclasses import dataclass
from math import tau

import numpy as np

from unipose.core.types import Float64

FORGETS = 0.5  # Hz, with which the best score of a keypoint fades


@dataclass(frozen=True)
class OneEuro:
    """A first-order low-pass per keypoint, its cutoff rising with the keypoint's speed: calm at rest, prompt in motion.

    cutoff = `min_cutoff` + `beta` x speed, in Hz, the speed in body sizes per second (so that it means the same for
    near and far people) and itself low-passed at `speed_cutoff` Hz. `delay` says how far that is behind.
    """

    min_cutoff: float = 2.0
    beta: float = 14.0
    speed_cutoff: float = 2.0

    def __post_init__(self) -> None:
        if self.min_cutoff <= 0 or self.beta < 0 or self.speed_cutoff <= 0:
            raise ValueError(f"the cutoffs are positive frequencies and beta is not negative, got {self}")

    def delay(self, speed: float) -> float:
        """Seconds by which a trusted keypoint of a steady speed (body sizes per second) lags: 1 / (2 pi cutoff)."""
        return 1 / (tau * (self.min_cutoff + self.beta * speed))


class Smoother:
    """One person's keypoints through a One-Euro filter, frame by frame, at whatever times the frames have.

    A keypoint is trusted by its score over what it has had lately at best, squared: so much of the cutoff it gets.
    A joint that jumps to a wrong place mostly has a low score there, and is waited for.
    """

    def __init__(self, settings: OneEuro):
        self._settings = settings
        self._time = 0.0
        self._seen: Float64 | None = None
        self._calm = self._velocity = np.zeros((0, 2))
        self._best = np.zeros((0, 1))

    def __call__(self, xy: Float64, score: Float64, size: float, time: float) -> Float64:
        """xy (K, 2) and the person's size in pixels, score (K,), the frame's time in seconds -> xy (K, 2), smoothed.

        Times grow from call to call.
        """
        score = np.maximum(score[:, None], 1e-3)
        if self._seen is None:
            self._seen, self._calm, self._velocity, self._best = xy, xy, np.zeros_like(xy), score
            self._time = time
            return xy
        elapsed, self._time = time - self._time, time
        s = self._settings
        self._best = np.maximum(score, self._best + share(FORGETS, elapsed) * (score - self._best))
        trust = (score / self._best) ** 2
        # Casiez et al., equations 3 to 6
        velocity = (xy - self._seen) / (size * elapsed)
        self._velocity = self._velocity + trust * share(s.speed_cutoff, elapsed) * (velocity - self._velocity)
        cutoff = s.min_cutoff + s.beta * np.linalg.norm(self._velocity, axis=1, keepdims=True)
        self._calm = self._calm + share(trust * cutoff, elapsed) * (xy - self._calm)
        self._seen = xy
        return self._calm


def share(cutoff: float | Float64, elapsed: float) -> Float64:
    """How much of the new value a first-order low-pass takes over after `elapsed` seconds."""
    return 1 / (1 + 1 / (tau * np.asarray(cutoff) * elapsed))
