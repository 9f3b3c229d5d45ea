"""Draw the page's samples: python data/make_page_samples.py --out serve/page -> sample-person.jpg, sample-group.jpg."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from source import run_script

from unipose.core.arguments import Parser
from unipose.core.files import refuse_overwrite, write_atomically
from unipose.core.image import encode_image
from unipose.core.signature import is_signed, signed
from unipose.core.types import RGB, Float64
from unipose.datasets.synthetic.figure import CIRCLE, Canvas, Figure
from unipose.datasets.synthetic.images import develop

KIND = "page sample"
SKY, HAZE, FAR, NEAR, MEADOW, SUN = (
    (126, 178, 214), (226, 232, 222), (126, 158, 150), (92, 132, 106), (150, 172, 104), (250, 232, 178),
)  # fmt: skip


class Standing(NamedTuple):
    """One figure: where its feet are, as shares of the image's width and height, its height as a share of the image's,
    the seed of its proportions and clothes, its turn about the vertical, and its angles (`Figure`), right side first.
    """

    place: tuple[float, float]
    tall: float
    seed: int
    turn: float
    shoulders: tuple[float, float]
    elbows: tuple[float, float]
    hips: tuple[float, float] = (0.12, 0.12)
    knees: tuple[float, float] = (-0.05, -0.05)
    lean: float = 0.0

    def figure(self, size_wh: tuple[int, int]) -> Figure:
        figure = Figure(np.random.default_rng(self.seed), size_wh)
        figure.faces_camera, figure.turn = True, self.turn
        pairs = {"shoulder": self.shoulders, "elbow": self.elbows, "hip": self.hips, "knee": self.knees}
        bent = {f"{side}_{joint}": pair[i] for joint, pair in pairs.items() for i, side in enumerate(("right", "left"))}
        angles = {"lean": self.lean, "nod": 0.0, **bent}
        figure.set_pose(angles, np.zeros(2))
        ys = [xy[1] for xy in figure.xy.values()]
        figure.size *= self.tall * size_wh[1] / (max(ys) - min(ys))
        figure.set_pose(angles, np.zeros(2))
        feet = max(xy[1] for xy in figure.xy.values())
        figure.set_pose(angles, np.array(self.place) * size_wh - (0, feet))
        return figure


SAMPLES: dict[str, tuple[tuple[int, int], tuple[Standing, ...]]] = {
    "sample-person.jpg": (
        (720, 720),
        (Standing((0.5, 0.93), 0.8, 17, 0.1, (0.5, 2.2), (0.5, 0.5), (0.25, 0.2), (-0.2, -0.1)),),
    ),
    "sample-group.jpg": (
        (960, 640),
        (
            Standing((0.13, 0.86), 0.62, 3, 0.4, (0.35, 0.4), (-0.2, 0.3)),
            Standing((0.37, 0.9), 0.72, 14, 0.2, (2.4, 2.3), (0.3, 0.3), (0.2, 0.3)),
            Standing((0.605, 0.88), 0.62, 21, -0.2, (0.7, 0.7), (-1.5, -1.5), (0.15, 0.15)),
            Standing((0.84, 0.9), 0.7, 8, -0.4, (0.4, 2.5), (0.05, 0.3), (0.3, 0.1), (-0.3, 0.0)),
        ),
    ),
}


def draw_scene(canvas: Canvas, size_wh: tuple[int, int]) -> None:
    """A sky with its sun, two ranges of hills, and a meadow."""
    height, width, _ = canvas.image.shape
    down = np.linspace(0, 1.6, height).clip(0, 1)[:, None, None]
    canvas.image[:] = ((1 - down) * np.array(SKY) + down * np.array(HAZE)).astype(np.uint8)
    canvas.disc(np.array([0.14, 0.16]) * size_wh, 0.06 * size_wh[1], SUN)
    for level, rise, waves, colour in ((0.6, 0.07, 1.3, FAR), (0.68, 0.05, 2.1, NEAR), (0.75, 0.012, 0.7, MEADOW)):
        x = np.linspace(0, 1, 200)
        edge = level - rise * np.sin(2 * np.pi * waves * x + 9 * level)
        outline = np.column_stack([x * width, edge * height]).round().astype(np.int32)
        cv2.fillPoly(canvas.image, [np.vstack([outline, [[width, height], [0, height]]]).astype(np.int32)], colour)


def shade(canvas: Canvas, figure: Figure) -> None:
    """A shadow on the ground, at the feet."""
    feet: Float64 = np.array([figure.xy["right_ankle"], figure.xy["left_ankle"]])
    centre = np.array([feet[:, 0].mean(), feet[:, 1].max() + 0.02 * figure.size])
    half = np.array([0.5 * np.ptp(feet[:, 0]) + 0.12 * figure.size, 0.035 * figure.size])
    canvas.polygon(centre + half * CIRCLE, (118, 140, 84))


def draw_sample(name: str) -> tuple[RGB, list[Figure]]:
    """The image of one of SAMPLES, and the figures in it."""
    size_wh, standing = SAMPLES[name]
    canvas = Canvas(size_wh)
    draw_scene(canvas, size_wh)
    figures = [one.figure(size_wh) for one in standing]
    for one, figure in zip(standing, figures, strict=True):
        shade(canvas, figure)
        figure.draw(np.random.default_rng(one.seed), canvas)
    grain = np.random.default_rng(0).normal(0, 2, (size_wh[1], size_wh[0], 3))
    return develop(canvas.image, 0.7, grain, brightness=1.0), figures


def make(args: argparse.Namespace) -> str:
    paths = [args.out / name for name in SAMPLES]
    refuse_overwrite(paths, [], lambda path: is_signed(path, KIND), args.force)
    for path in paths:
        write_atomically(path, signed(encode_image(draw_sample(path.name)[0], quality=85), KIND))
    return f"{len(paths)} samples -> {args.out}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = Parser(description="Draw the photos that the service's page offers as samples")
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    return run_script(make, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
