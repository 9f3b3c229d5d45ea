"""Drawn images: figures on cluttered backgrounds, labelled like LSP."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from unipose.core.boxes import enclosing_box
from unipose.core.files import refuse_overwrite, write_atomically
from unipose.core.image import encode_image
from unipose.core.signature import signed
from unipose.core.skeleton import SKELETONS
from unipose.core.types import RGB, Boxes, Float, Float64, Int, Int64, Json, UInt8
from unipose.datasets.coco_json import SET, document, image_entry, is_prepared, person_entry, write_json
from unipose.datasets.synthetic.figure import SHIRT, TROUSERS, Canvas, Colour, Figure, cloth, skin

SKELETON = SKELETONS["lsp14"]
FIGURES = (1, 1, 0, 1, 1, 2, 1, 3, 1, 1)  # in one image of the sample after another, over and over
# Of one figure among several: the share of the image that it fills, where it stands, and how much of the smaller one's
# box two of them share at most.
EXTENT, PLACE, SHARED = (0.3, 0.7), (0.0, 1.0), 0.5
TRIES = 20  # for each figure, to find it a place


class Drawing(NamedTuple):
    """An RGB image (H, W, 3) and its figures: xy_image (N, 14, 2), visibility (N, 14) of 1 or 2, boxes_xyxy (N, 4)."""

    image: RGB
    xy_image: Float64
    visibility: Int64
    boxes_xyxy: Boxes


def draw_sample(
    out_dir: Path,
    count: int = 1500,
    seed: int = 0,
    size_wh: tuple[int, int] = (192, 160),
    figures: Sequence[int] = FIGURES,
    force: bool = False,
) -> tuple[Path, Path]:
    """Write `count` JPEG images and their labels -> train.json (four fifths) and test.json (the last fifth).

    Images show so many `figures`, one number after another, over and over. The same arguments give the same files; an
    image depends only on `seed`, its own number, its size and its number of figures. Raises ValueError for fewer than 5
    images, a side below 64 pixels, where nobody would be drawn or, unless by `force`, other files be replaced.
    """
    if count < 5 or min(size_wh) < 64:
        raise ValueError(f"the sample needs at least 5 images of at least 64x64 pixels, got {count} of {size_wh}")
    if not any(figures) or min(figures) < 0:
        raise ValueError(f"images show a number of figures, some of them at least one, got {figures}")
    names = [f"{number:05d}.jpg" for number in range(1, count + 1)]
    refuse_others(out_dir, names, force)
    images: list[Json] = []
    people: list[Json] = []
    for number, name in enumerate(names, 1):
        drawing = draw_image(np.random.default_rng((seed, number)), size_wh, figures[(number - 1) % len(figures)])
        write_jpeg(out_dir / "images" / name, drawing.image)
        images.append(image_entry(number, name, size_wh))
        for xy_image, visibility, box_xyxy in zip(*drawing[1:], strict=True):
            people.append(person_entry(len(people) + 1, number, xy_image, visibility, box_xyxy))
    split = count - count // 5
    for half, numbers in (("train", range(split)), ("test", range(split, count))):
        own = [person for person in people if person["image_id"] - 1 in numbers]
        description = f"drawn figures, seed {seed}, {half}"
        content = document(
            SKELETON, images[slice(numbers.start, numbers.stop)], own, description, "images", complete=True
        )
        write_json(out_dir / f"{half}.json", content)
    return out_dir / "train.json", out_dir / "test.json"


def refuse_others(out_dir: Path, names: Sequence[str], force: bool) -> None:
    """Raises ValueError where files that are no part of a set would be replaced, unless by `force`."""
    outputs = [*(out_dir / "images" / name for name in names), out_dir / "train.json", out_dir / "test.json"]
    refuse_overwrite(outputs, [], is_prepared, force)


def write_jpeg(path: Path, image: UInt8) -> None:
    write_atomically(path, signed(encode_image(image, quality=90), SET), sync=False)


def draw_image(rng: np.random.Generator, size_wh: tuple[int, int], figures: int = 1) -> Drawing:
    """One figure, nobody, or several figures that may cover each other: fewer than asked for where there is no room."""
    canvas = Canvas(size_wh)
    draw_background(rng, canvas, size_wh)
    drawn, boxes_xyxy = place_figures(rng, size_wh, figures), []
    for figure in drawn:
        figure.draw(rng, canvas)
        boxes_xyxy.append(canvas.body_box())
    for _ in range(rng.choice(3, p=(0.8, 0.15, 0.05))):  # in front of the figures
        _draw_stick(rng, canvas, size_wh)
    labels = [label(figure, canvas, number) for number, figure in enumerate(drawn, 1)]
    return Drawing(
        photograph(rng, canvas.image, size_wh),
        np.array([xy_image for xy_image, _ in labels]).reshape(-1, len(SKELETON.keypoints), 2),
        np.array([visibility for _, visibility in labels], np.int64).reshape(-1, len(SKELETON.keypoints)),
        np.array(boxes_xyxy).reshape(-1, 4),
    )


def place_figures(rng: np.random.Generator, size_wh: tuple[int, int], count: int) -> list[Figure]:
    """Figures in an image, from the smallest, who is farthest away, to the largest."""
    if count == 1:
        return [Figure(rng, size_wh)]
    placed: list[Figure] = []
    for _ in range(TRIES * count):
        figure = Figure(rng, size_wh, EXTENT, PLACE)
        if all(shared(figure, other) <= SHARED for other in placed):
            placed.append(figure)
        if len(placed) == count:
            break
    return sorted(placed, key=lambda figure: figure.size)


def shared(a: Figure, b: Figure) -> float:
    """The part of the smaller one's box around its joints that lies within the other's."""
    boxes = [enclosing_box(np.array(list(figure.xy.values()))) for figure in (a, b)]
    sides = np.minimum(boxes[0][2:], boxes[1][2:]) - np.maximum(boxes[0][:2], boxes[1][:2])
    return float(sides.clip(0).prod() / min((box[2:] - box[:2]).prod() for box in boxes))


def label(figure: Figure, canvas: Canvas, number: int = 1) -> tuple[Float64, Int64]:
    """A figure's xy_image (14, 2) and its visibility (14,) of 1 or 2, as the canvas shows it; it was the number-th."""
    xy_image = np.array([figure.xy[name] for name in SKELETON.keypoints])
    visibility = np.array([2 if canvas.shows(name, figure.xy[name], number) else 1 for name in SKELETON.keypoints])
    return xy_image, visibility


def draw_background(rng: np.random.Generator, canvas: Canvas, size_wh: tuple[int, int]) -> None:
    """Soft blotches, then polygons, then sticks and discs with the colours and sizes of limbs and heads."""
    height, width = canvas.part_id.shape
    blotches = dull_colour(rng) + rng.normal(0, 20, (rng.integers(2, 7), rng.integers(2, 7), 3))
    canvas.image[:] = cv2.resize(
        np.clip(blotches, 10, 245).astype(np.uint8), (width, height), interpolation=cv2.INTER_CUBIC
    )
    side = min(size_wh)
    for _ in range(rng.integers(2, 7)):
        corners = rng.normal(rng.uniform((0, 0), size_wh), rng.uniform(0.05, 0.3) * side, (5, 2)).astype(np.float32)
        canvas.polygon(cv2.convexHull(corners)[:, 0], dull_colour(rng))
    for _ in range(rng.integers(1, 5)):
        _draw_stick(rng, canvas, size_wh)
    for _ in range(rng.integers(0, 3)):
        canvas.disc(rng.uniform((0, 0), size_wh), rng.uniform(0.03, 0.08) * side, limb_colour(rng))


def _draw_stick(rng: np.random.Generator, canvas: Canvas, size_wh: tuple[int, int]) -> None:
    side = min(size_wh)
    start, angle, radius = rng.uniform((0, 0), size_wh), rng.uniform(0, 2 * np.pi), rng.uniform(0.012, 0.035) * side
    end = start + rng.uniform(0.1, 0.4) * side * np.array([np.cos(angle), np.sin(angle)])
    canvas.limb(start, end, (radius, radius * rng.uniform(0.6, 1.0)), limb_colour(rng))


def dull_colour(rng: np.random.Generator) -> Int:
    """A colour close to grey."""
    return (rng.integers(40, 190) + rng.integers(-30, 31, 3)).clip(0, 255)


def limb_colour(rng: np.random.Generator) -> Colour:
    return (skin(rng), cloth(rng, SHIRT), cloth(rng, TROUSERS))[rng.integers(3)]


def photograph(rng: np.random.Generator, canvas_image: UInt8, size_wh: tuple[int, int]) -> UInt8:
    """With random brightness and noise, sometimes out of focus."""
    blur = float(rng.uniform(0.5, 1.2)) if rng.random() < 0.3 else 0.0
    grain = rng.normal(0.0, rng.uniform(1.0, 8.0), (size_wh[1], size_wh[0], 3))
    return develop(canvas_image, blur, grain, brightness=float(rng.uniform(0.7, 1.2)))


def develop(canvas_image: UInt8, blur: float, grain: Float64, brightness: float) -> UInt8:
    """A canvas averaged down to the size of `grain`, its noise (H, W, 3), and blurred by a Gaussian of `blur` pixels
    -> RGB image (H, W, 3).
    """
    height, width, _ = grain.shape
    image = cv2.resize(canvas_image, (width, height), interpolation=cv2.INTER_AREA)
    if blur:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    exposed: Float = image * brightness + grain
    return exposed.clip(0, 255).astype(np.uint8)
