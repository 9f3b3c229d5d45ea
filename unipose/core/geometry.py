"""Affine maps between frames: image, network input, heatmap.

Points are (x, y) with whole numbers at pixel centres, so an image covers (-1/2, -1/2) to (width - 1/2, height - 1/2).
Boxes and sizes refer to pixel edges: the whole image is the box (0, 0, width, height).
"""

from dataclasses import dataclass
from math import cos, radians, sin, sqrt

import numpy as np
from numpy.typing import ArrayLike

from unipose.core.types import Float64


@dataclass(frozen=True, eq=False)
class Affine:
    """x' = A x + b on pixel-centre points; `matrix` is (2, 3) float64, the layout OpenCV's warpAffine takes."""

    matrix: Float64

    @classmethod
    def identity(cls) -> "Affine":
        return cls(np.eye(2, 3))

    @classmethod
    def translate(cls, dx: float, dy: float) -> "Affine":
        return cls(np.array([[1.0, 0.0, dx], [0.0, 1.0, dy]]))

    @classmethod
    def scale(cls, fx: float, fy: float) -> "Affine":
        """Resize by (fx, fy): moves pixel edges, so x -> (x + 1/2) f - 1/2."""
        return cls(np.array([[fx, 0.0, fx / 2 - 0.5], [0.0, fy, fy / 2 - 0.5]]))

    @classmethod
    def resize(cls, from_wh: tuple[int, int], to_wh: tuple[int, int]) -> "Affine":
        """The whole of an image of size `from_wh` onto the whole of one of size `to_wh`."""
        return cls.scale(to_wh[0] / from_wh[0], to_wh[1] / from_wh[1])

    @classmethod
    def rotate(cls, degrees: float, centre_xy: tuple[float, float]) -> "Affine":
        """Turn about a point, from the x axis towards the y axis (clockwise on a screen)."""
        c, s = cos(radians(degrees)), sin(radians(degrees))
        x, y = centre_xy
        return cls(np.array([[c, -s, x - c * x + s * y], [s, c, y - s * x - c * y]]))

    @classmethod
    def mirror(cls, width: int) -> "Affine":
        """Left to right in an image of this width: x -> width - 1 - x."""
        return cls(np.array([[-1.0, 0.0, width - 1.0], [0.0, 1.0, 0.0]]))

    @classmethod
    def fit(cls, box_xyxy: ArrayLike, size_wh: tuple[int, int], margin: float = 1.0) -> "Affine":
        """The box, enlarged `margin` times, centred in an image of `size_wh` with its aspect ratio kept.

        Raises ValueError for a box that is not finite or has no area.
        """
        left, top, right, bottom = (float(edge) for edge in np.asarray(box_xyxy, np.float64))
        width, height = right - left, bottom - top
        if not (np.isfinite([left, top, right, bottom]).all() and width > 0 and height > 0):
            raise ValueError(f"a box is x1, y1, x2, y2 with x1 < x2 and y1 < y2, got {left, top, right, bottom}")
        f = min(size_wh[0] / width, size_wh[1] / height) / margin
        to_origin = cls.translate(0.5 - (left + right) / 2, 0.5 - (top + bottom) / 2)
        zoom = cls(np.array([[f, 0.0, 0.0], [0.0, f, 0.0]]))
        return cls.translate(size_wh[0] / 2 - 0.5, size_wh[1] / 2 - 0.5) @ zoom @ to_origin

    def __matmul__(self, first: "Affine") -> "Affine":
        """`(second @ first)(xy) == second(first(xy))`."""
        linear = self.matrix[:, :2]
        return Affine(np.hstack([linear @ first.matrix[:, :2], linear @ first.matrix[:, 2:] + self.matrix[:, 2:]]))

    def __call__(self, xy: ArrayLike) -> Float64:
        """Map points (..., 2)."""
        points = np.asarray(xy, np.float64)
        return points @ self.matrix[:, :2].T + self.matrix[:, 2]

    def inverse(self) -> "Affine":
        (a, b, x), (c, d, y) = self.matrix
        inverse = np.array([[d, -b, b * y - d * x], [-c, a, c * x - a * y]])
        return Affine(inverse / self._determinant)

    @property
    def zoom(self) -> float:
        """The factor by which lengths grow (the square root of the area's factor)."""
        return sqrt(abs(self._determinant))

    @property
    def _determinant(self) -> float:
        (a, b, _), (c, d, _) = self.matrix
        return float(a * d - b * c)
