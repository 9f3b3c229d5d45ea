"""Drawn clips: a smoothly moving figure with motion blur and passing occluders, labelled exactly."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from unipose.core.types import Float64, Int64, Json, UInt8
from unipose.datasets.coco_json import document, frame_entry, person_entry, video_entry, write_json
from unipose.datasets.synthetic.figure import Canvas, Figure
from unipose.datasets.synthetic.images import (
    SKELETON,
    develop,
    draw_background,
    dull_colour,
    label,
    limb_colour,
    refuse_others,
    write_jpeg,
)

# Amplitudes of each joint's angle about its mean, in radians, and of the pelvis, in standing heights; frequencies.
SWING = {"lean": 0.12, "nod": 0.15, "shoulder": 0.8, "elbow": 0.8, "hip": 0.4, "knee": 0.4}
PELVIS_SWING = 0.12
HERTZ = (0.3, 1.6)
SUBFRAMES = 5  # averaged over the exposure


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
    """One figure for `frames` frames; the labels, also of occluded joints, are for the middle of each exposure.

    `shutter`: the smallest and the largest share of a frame's duration that is exposed; (0, 0) blurs nothing.
    `occluders`: how many objects a second, on average, pass in front of the figure.
    """
    scene = Canvas(size_wh)
    draw_background(rng, scene, size_wh)
    seconds = np.arange(frames) / fps
    walk = Walk(rng, Figure(rng, size_wh, extent=(0.55, 0.75)), seconds, size_wh)
    clothes_seed = int(rng.integers(2**31))
    passing = [Occluder(rng, walk, seconds[-1], size_wh) for _ in range(rng.poisson(occluders * frames / fps))]
    exposure = rng.uniform(*shutter) / fps
    blur, grain, brightness = max(0.0, rng.uniform(-1.0, 1.0)), rng.uniform(1.0, 8.0), rng.uniform(0.7, 1.2)

    def render(second: float) -> tuple[Canvas, Float64]:
        """The scene at a moment, and the figure's box_xyxy (4,)."""
        canvas = Canvas(size_wh)
        canvas.image[:] = scene.image
        walk.move_to(second).draw(np.random.default_rng(clothes_seed), canvas)
        box_xyxy = canvas.body_box()
        for occluder in passing:
            canvas.polygon(occluder.outline(second), occluder.colour)
        return canvas, box_xyxy

    images, labels, boxes_xyxy = [], [], []
    for second in seconds:
        exposed = [render(second + exposure * part)[0].image for part in np.linspace(-0.5, 0.5, SUBFRAMES)]
        canvas, box_xyxy = render(second)  # last, so that the figure has the pose that is labelled
        noise = rng.normal(0.0, grain, (size_wh[1], size_wh[0], 3))
        images.append(develop(np.mean(exposed, axis=0).round().astype(np.uint8), blur, noise, brightness))
        labels.append(label(walk.figure, canvas))
        boxes_xyxy.append(box_xyxy)
    xy_image, visibility = zip(*labels, strict=True)
    return Clip(images, np.array(xy_image), np.array(visibility), np.array(boxes_xyxy))


class Walk:
    """A figure's motion through a clip, within the image."""

    def __init__(self, rng: np.random.Generator, figure: Figure, seconds: Float64, size_wh: tuple[int, int]) -> None:
        self.figure = figure
        self._names, self._means = list(figure.angles), np.array(list(figure.angles.values()))
        most = [SWING[name.removeprefix("right_").removeprefix("left_")] for name in self._names] + 2 * [PELVIS_SWING]
        shape = (2, len(most))  # two sine waves for each number
        self._amplitude = np.array(most) * rng.uniform(0.25, 0.75, shape)
        self._hertz, self._phase = rng.uniform(*HERTZ, shape), rng.uniform(0, 2 * np.pi, shape)
        self._start_xy = np.zeros(2)
        xy = np.array([list(self.move_to(second).xy.values()) for second in seconds]).reshape(-1, 2)
        low, high = xy.min(axis=0), xy.max(axis=0)
        fit = min(1.0, float((0.9 * np.array(size_wh) / (high - low)).min()))
        figure.size *= fit
        slack = np.array(size_wh) - fit * (high - low)
        self._start_xy = slack * rng.uniform(0.25, 0.75, 2) - 0.5 - fit * low

    def move_to(self, second: float) -> Figure:
        """The figure, in the pose it has at this time."""
        moved = (self._amplitude * np.sin(2 * np.pi * self._hertz * second + self._phase)).sum(axis=0)
        angles = dict(zip(self._names, (self._means + moved[:-2]).tolist(), strict=True))
        self.figure.set_pose(angles, self._start_xy + self.figure.size * moved[-2:])
        return self.figure


class Occluder:
    """An object of the size of a hand to that of a person, which crosses in a straight line and covers a joint once."""

    def __init__(self, rng: np.random.Generator, walk: Walk, seconds: float, size_wh: tuple[int, int]) -> None:
        side = min(size_wh)
        self._second = rng.uniform(0, seconds)
        self._joint_xy = list(walk.move_to(self._second).xy.values())[rng.integers(len(SKELETON.keypoints))]
        direction = rng.uniform(0, 2 * np.pi)
        self._velocity = rng.uniform(2.0, 5.0) * side * np.array([np.cos(direction), np.sin(direction)])
        corners = rng.normal(0.0, rng.uniform(0.06, 0.3) * side, (8, 2)).astype(np.float32)
        self._shape = cv2.convexHull(corners)[:, 0]
        self.colour = limb_colour(rng) if rng.random() < 0.5 else dull_colour(rng)

    def outline(self, second: float) -> Float64:
        """Its corners (N, 2) in the image."""
        return np.asarray(self._shape + self._joint_xy + self._velocity * (second - self._second), np.float64)


def frame_name(video: str, index: int) -> str:
    return f"{video}/{index + 1:06d}.jpg"


def draw_clips(
    out_dir: Path,
    count: int = 100,
    frames: int = 15,
    seed: int = 0,
    size_wh: tuple[int, int] = (192, 160),
    occluders: float = 3.0,
    force: bool = False,
) -> tuple[Path, Path]:
    """Write `count` clips as JPEG images with their labels -> train.json (four fifths) and test.json (the last fifth).

    The same arguments give the same files; a clip does not depend on `count`.
    Raises ValueError for fewer than 5 clips, fewer than 1 frame, a side below 64 pixels or where, unless by `force`,
    other files would be replaced.
    """
    if count < 5 or frames < 1 or min(size_wh) < 64:
        raise ValueError(f"needs at least 5 clips of 1 frame of 64x64 pixels, got {count} of {frames} of {size_wh}")
    videos = [video_entry(number, f"{number:04d}") for number in range(1, count + 1)]
    refuse_others(out_dir, [frame_name(video["name"], i) for video in videos for i in range(frames)], force)
    images: list[Json] = []
    people: list[Json] = []
    for video in videos:
        clip = draw_clip(np.random.default_rng((seed, video["id"])), frames, size_wh, occluders=occluders)
        for i, image in enumerate(clip.images):
            name, number = frame_name(video["name"], i), len(images) + 1
            write_jpeg(out_dir / "images" / name, image)
            images.append(frame_entry(number, name, size_wh, video["id"], i + 1))
            people.append(person_entry(number, number, clip.xy_image[i], clip.visibility[i], clip.boxes_xyxy[i]))
    split = count - count // 5
    for half, first, last in (("train", 0, split), ("test", split, count)):
        part = slice(first * frames, last * frames)
        description = f"drawn clips, seed {seed}, {half}"
        content = document(
            SKELETON, images[part], people[part], description, "images", videos[first:last], complete=True
        )
        write_json(out_dir / f"{half}.json", content)
    return out_dir / "train.json", out_dir / "test.json"
