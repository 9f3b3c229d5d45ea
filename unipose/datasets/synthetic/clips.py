"""Drawn clips: a figure that moves smoothly, with motion blur, behind things that pass; labelled exactly."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from unipose.core.types import Float64, Int64, Json, UInt8
from unipose.datasets.coco_json import document, frame_entry, person_entry, video_entry, write_json
from unipose.datasets.synthetic.figure import NOBODY, OVERSAMPLING, Canvas, Figure
from unipose.datasets.synthetic.images import SKELETON, background, develop, dull, limb_colour, write_jpeg

# How far each joint's angle swings about its mean, in radians, and the pelvis, in standing heights; and how often.
SWING = {"lean": 0.12, "nod": 0.15, "shoulder": 0.8, "elbow": 0.8, "hip": 0.4, "knee": 0.4}
STROLL = 0.12
HERTZ = (0.3, 1.6)
SUBFRAMES = 5  # averaged while the shutter is open


@dataclass(frozen=True, eq=False)
class Clip:
    """T frames: RGB images (H, W, 3), xy_image (T, 14, 2), visibility (T, 14) of 1 or 2, boxes_xyxy (T, 4)."""

    images: list[UInt8]
    xy_image: Float64
    visibility: Int64
    boxes_xyxy: Float64


def draw_clip(
    rng: np.random.Generator,
    frames: int,
    size_wh: tuple[int, int] = (192, 160),
    fps: float = 25.0,
    *,
    shutter: tuple[float, float] = (0.4, 0.9),
    occluders: float = 3.0,
) -> Clip:
    """One figure for `frames` frames; labels are of the middle of each exposure, covered joints' too.

    `shutter`: for how much of a frame's time it is open, from-to; (0, 0) blurs nothing. `occluders`: how many things
    a second, on average, pass in front of the figure.
    """
    scene = Canvas(size_wh)
    background(rng, scene, size_wh)
    seconds = np.arange(frames) / fps
    walk = Walk(rng, Figure(rng, size_wh, room=(0.55, 0.75)), seconds, size_wh)
    clothes = int(rng.integers(2**31))
    passing = [Occluder(rng, walk, seconds[-1], size_wh) for _ in range(rng.poisson(occluders * frames / fps))]
    opened = rng.uniform(*shutter) / fps
    blur, grain, brightness = max(0.0, rng.uniform(-1.0, 1.0)), rng.uniform(1.0, 8.0), rng.uniform(0.7, 1.2)

    def look(second: float) -> tuple[Canvas, Float64]:
        """What is seen at a moment, and the figure's box_xyxy (4,)."""
        canvas = Canvas(size_wh)
        canvas.image[:] = scene.image
        walk.to(second).draw(np.random.default_rng(clothes), canvas)
        left, top, width, height = cv2.boundingRect((canvas.owner != NOBODY).astype(np.uint8))
        for occluder in passing:
            canvas.polygon(occluder.outline(second), occluder.colour)
        return canvas, np.array([left, top, left + width, top + height]) / OVERSAMPLING

    images, xy_image, visibility, boxes_xyxy = [], [], [], []
    for second in seconds:
        exposed = [look(second + opened * part)[0].image for part in np.linspace(-0.5, 0.5, SUBFRAMES)]
        canvas, box_xyxy = look(second)  # last, so that the figure stands as it is labelled
        noise = rng.normal(0.0, grain, (size_wh[1], size_wh[0], 3))
        images.append(develop(np.mean(exposed, axis=0).round().astype(np.uint8), blur, noise, brightness))
        xy = walk.figure.xy
        xy_image.append([xy[name] for name in SKELETON.keypoints])
        visibility.append([2 if canvas.shows(name, xy[name]) else 1 for name in SKELETON.keypoints])
        boxes_xyxy.append(box_xyxy)
    return Clip(images, np.array(xy_image), np.array(visibility), np.array(boxes_xyxy))


class Walk:
    """A figure's way through a clip, which stays within the image."""

    def __init__(self, rng: np.random.Generator, figure: Figure, seconds: Float64, size_wh: tuple[int, int]) -> None:
        self.figure = figure
        self._names, self._means = list(figure.angles), np.array(list(figure.angles.values()))
        reach = [SWING[name.removeprefix("right_").removeprefix("left_")] for name in self._names] + 2 * [STROLL]
        shape = (2, len(reach))  # two sine waves for each number
        self._height = np.array(reach) * rng.uniform(0.25, 0.75, shape)
        self._hertz, self._phase = rng.uniform(*HERTZ, shape), rng.uniform(0, 2 * np.pi, shape)
        self._start_xy = np.zeros(2)
        xy = np.array([list(self.to(second).xy.values()) for second in seconds]).reshape(-1, 2)
        low, high = xy.min(axis=0), xy.max(axis=0)
        fit = min(1.0, float((0.9 * np.array(size_wh) / (high - low)).min()))
        figure.size *= fit
        slack = np.array(size_wh) - fit * (high - low)
        self._start_xy = slack * rng.uniform(0.25, 0.75, 2) - 0.5 - fit * low

    def to(self, second: float) -> Figure:
        """The figure as it then stands."""
        moved = (self._height * np.sin(2 * np.pi * self._hertz * second + self._phase)).sum(axis=0)
        angles = dict(zip(self._names, (self._means + moved[:-2]).tolist(), strict=True))
        self.figure.stand(angles, self._start_xy + self.figure.size * moved[-2:])
        return self.figure


class Occluder:
    """Something as large as a hand or as a person, that passes straight through and at one moment covers a joint."""

    def __init__(self, rng: np.random.Generator, walk: Walk, seconds: float, size_wh: tuple[int, int]) -> None:
        reach = min(size_wh)
        self._when = rng.uniform(0, seconds)
        self._there = list(walk.to(self._when).xy.values())[rng.integers(len(SKELETON.keypoints))]
        direction = rng.uniform(0, 2 * np.pi)
        self._velocity = rng.uniform(2.0, 5.0) * reach * np.array([np.cos(direction), np.sin(direction)])
        corners = rng.normal(0.0, rng.uniform(0.06, 0.3) * reach, (8, 2)).astype(np.float32)
        self._shape = cv2.convexHull(corners)[:, 0]
        self.colour = limb_colour(rng) if rng.random() < 0.5 else dull(rng)

    def outline(self, second: float) -> Float64:
        """Its corners (N, 2) in the image."""
        return np.asarray(self._shape + self._there + self._velocity * (second - self._when), np.float64)


def draw_clips(
    out_dir: Path,
    count: int = 100,
    frames: int = 15,
    seed: int = 0,
    size_wh: tuple[int, int] = (192, 160),
    occluders: float = 3.0,
) -> tuple[Path, Path]:
    """Draw `count` clips as JPEG images and labels; returns train.json (four fifths) and test.json (the last fifth).

    The same arguments give the same files; a clip depends on them and its own number, not on `count`.
    Raises ValueError for fewer than 5 clips, less than a frame, or a side below 64 pixels.
    """
    if count < 5 or frames < 1 or min(size_wh) < 64:
        raise ValueError(f"needs at least 5 clips of 1 frame of 64x64 pixels, got {count} of {frames} of {size_wh}")
    videos = [video_entry(number, f"{number:04d}") for number in range(1, count + 1)]
    images: list[Json] = []
    people: list[Json] = []
    for video in videos:
        clip = draw_clip(np.random.default_rng((seed, video["id"])), frames, size_wh, occluders=occluders)
        for i, image in enumerate(clip.images):
            name, number = f"{video['name']}/{i + 1:06d}.jpg", len(images) + 1
            write_jpeg(out_dir / "images" / name, image)
            images.append(frame_entry(number, name, size_wh, video["id"], i + 1))
            people.append(person_entry(number, number, clip.xy_image[i], clip.visibility[i], clip.boxes_xyxy[i]))
    split = count - count // 5
    for half, first, last in (("train", 0, split), ("test", split, count)):
        part = slice(first * frames, last * frames)
        said = f"drawn clips, seed {seed}, {half}"
        content = document(SKELETON, images[part], people[part], said, "images", videos[first:last])
        write_json(out_dir / f"{half}.json", content)
    return out_dir / "train.json", out_dir / "test.json"
