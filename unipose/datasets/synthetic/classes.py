"""Drawn classes: a shape on a cluttered background, to be told from others."""

import numpy as np

from unipose.core.types import Float64, Int64, UInt8
from unipose.datasets.synthetic.figure import CIRCLE, Canvas
from unipose.datasets.synthetic.images import draw_background, limb_colour, photograph


def _regular(corners: int) -> Float64:
    angles = 2 * np.pi * np.arange(corners) / corners
    return np.column_stack([np.cos(angles), np.sin(angles)])


_BAR = np.array([(-1, -0.3), (1, -0.3), (1, 0.3), (-1, 0.3)])
# Each class, as the convex polygons (N, 2), within a circle of radius 1 or nearly, that its shape is made of.
SHAPES: dict[str, tuple[Float64, ...]] = {
    "disc": (CIRCLE,),
    "triangle": (_regular(3),),
    "square": (_regular(4),),
    "bar": (_BAR,),
    "cross": (_BAR, _BAR[:, ::-1]),
    "star": (_regular(3), -_regular(3)),
}


def draw_classes(count: int, seed: int = 0, side: int = 32) -> tuple[UInt8, Int64]:
    """RGB images (count, side, side, 3), and of each the label (count,): its place in SHAPES, one after another.

    An image depends only on `seed`, its own number and `side`.
    """
    labels = np.arange(count) % len(SHAPES)
    shapes = list(SHAPES.values())
    images = [draw_shape(np.random.default_rng((seed, i)), shapes[labels[i]], side) for i in range(count)]
    return np.stack(images), labels


def draw_shape(rng: np.random.Generator, polygons: tuple[Float64, ...], side: int) -> UInt8:
    """A shape of any place, size, direction and colour -> RGB image (side, side, 3)."""
    canvas = Canvas((side, side))
    draw_background(rng, canvas, (side, side))
    radius, angle, colour = rng.uniform(0.2, 0.4) * side, rng.uniform(0, 2 * np.pi), limb_colour(rng)
    centre_xy = rng.uniform(radius, side - radius, 2)
    turn = radius * np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    for polygon in polygons:
        canvas.polygon(centre_xy + polygon @ turn, colour)
    return photograph(rng, canvas.image, (side, side))
