"""Detectors: where the people are, when nobody gave boxes."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from unipose.image import RGB


class Detector(Protocol):
    """`rough` boxes only contain their person somewhere: the pose found in one gives a better one for a second pass."""

    @property
    def rough(self) -> bool: ...

    def detect(self, image: RGB) -> NDArray[np.float64]:
        """Upright (H, W, 3) -> box_xyxy (N, 4) at pixel edges, the best first."""
        ...


@dataclass(frozen=True)
class WholeImage:
    """The photograph shows one person: the whole of it is the box."""

    rough: bool = True

    def detect(self, image: RGB) -> NDArray[np.float64]:
        height, width = image.shape[:2]
        return np.array([[0, 0, width, height]], np.float64)


DETECTORS: dict[str, type[Detector]] = {"whole": WholeImage}
