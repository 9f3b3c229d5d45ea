"""Video: an opened source of upright, timestamped frames."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from unipose.core.types import RGB

USUAL_RATE = Fraction(25)  # where nothing says how many frames a second has
# Frames per second that are believed, and that the containers can hold.
_LEAST, _MOST = Fraction(1, 3600), 1000


class IncompleteVideo(ValueError):
    """A source that ends early or is partly damaged; raised after all frames that can be read."""


@dataclass(frozen=True, eq=False)
class Frame:
    """image (H, W, 3), upright; `index` from 0; `pts`, strictly increasing, in units of the video's time base.

    `pixel_aspect`: the width of a pixel in its heights, as a player shows it.
    """

    image: RGB
    index: int
    pts: int
    time: float
    """Seconds since the video's start."""
    pixel_aspect: Fraction = Fraction(1)


@dataclass(frozen=True)
class Video:
    """An opened source. `frames` can be iterated once; `total` is their number as the source states it, or None.

    From a `live` source, frames that are not read in time are lost; they are timestamped on arrival. `audio` is the
    file with the audio, where there is any.
    """

    frames: Iterator[Frame]
    rate: Fraction
    time_base: Fraction
    total: int | None = None
    live: bool = False
    audio: Path | None = None


def believed(rate: Fraction | None) -> Fraction:
    """A rate as a source states it, or USUAL_RATE where that is none; as a fraction that the containers can hold."""
    if rate is None or not _LEAST <= rate <= _MOST:
        return USUAL_RATE
    return rate.limit_denominator(1001) if rate >= 1 else 1 / (1 / rate).limit_denominator(1001)


def check_rate(rate: Fraction) -> Fraction:
    """A rate that somebody asks for, as `believed`. Raises ValueError for one that is not."""
    if not _LEAST <= rate <= _MOST:
        raise ValueError(f"a rate is from {_LEAST} to {_MOST} frames per second, got {rate}")
    return believed(rate)
