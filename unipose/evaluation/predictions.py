"""Looks: what the served Predictor is asked about a record set's images, and the poses that it answers."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from unipose.core.image import read_image
from unipose.core.pose import Pose
from unipose.core.types import RGB, Float64
from unipose.datasets.records import Record, RecordSet, clips
from unipose.inference.predictor import Predictor
from unipose.inference.recurrent import Memory, Stream

BOXES = ("truth", "detector")
NO_BORDER = (0, 0, 0, 0)
_GROUP = 16  # images held in memory at once


@dataclass(frozen=True, eq=False)
class Look:
    """What the predictor is asked about an image: boxes_xyxy (N, 4), or None for the detector's.

    `border`: how many pixels it is to be widened by first, to the left, top, right and bottom.
    """

    image_path: Path
    boxes_xyxy: Float64 | None
    border: tuple[int, int, int, int] = NO_BORDER

    def image(self) -> RGB:
        left, top, right, bottom = self.border
        wide = cv2.copyMakeBorder(read_image(self.image_path), top, bottom, left, right, cv2.BORDER_REPLICATE)
        return np.asarray(wide, np.uint8)


Progress = Callable[[Sequence[Any]], Iterable[Any]]


def predict_looks(predictor: Predictor, looks: Sequence[Look], progress: Progress = iter) -> list[list[Pose]]:
    """Per look its poses, a few images in memory at a time."""
    found: list[list[Pose]] = []
    remaining = iter(progress(looks))
    while group := list(islice(remaining, _GROUP)):
        poses = predictor.predict([look.image() for look in group], [look.boxes_xyxy for look in group])
        found += [[_moved(pose, look.border) for pose in each] for look, each in zip(group, poses, strict=True)]
    return found


def _moved(pose: Pose, border: tuple[int, int, int, int]) -> Pose:
    """From the widened image's frame into the image's own."""
    left, top, _, _ = border
    return replace(pose, xy_image=pose.xy_image - [left, top], box_xyxy=pose.box_xyxy - [left, top, left, top])


def widened(record: Record, share: float) -> tuple[int, int, int, int]:
    """The border that makes an image, in its own proportions, so large that the person's box takes `share` of its
    height, at a random place; none where the person is smaller than that already.
    """
    rng = np.random.default_rng(record.id)
    height, width = read_image(record.image_path).shape[:2]
    grown = max(1.0, (record.box_xyxy[3] - record.box_xyxy[1]) / (share * height))
    x, y = round((grown - 1) * width), round((grown - 1) * height)
    left, top = int(rng.integers(x + 1)), int(rng.integers(y + 1))
    return left, top, x - left, y - top


def predict_records(
    predictor: Predictor,
    record_set: RecordSet,
    boxes: str = "truth",
    progress: Progress = iter,
    window: int = 0,
    share: float = 0.0,
) -> list[Pose]:
    """One pose per record: in its annotated box (`truth`), or in what the detector finds (`detector`).

    A model with memory is led through each clip of a set of clips; with a `window` it forgets after so many frames.
    With a `share` the detector's images are `widened`, until the person takes that much of their height. Raises
    ValueError for `detector` where that is to be, and where an image holds several people: which pose is whose is then
    not known.
    """
    _same_skeleton(predictor, record_set)
    if boxes not in BOXES:
        raise ValueError(f"boxes must be one of {BOXES}, got {boxes!r}")
    if predictor.spec.state_channels and window != 1 and any(record.frame for record in record_set.records):
        if boxes == "detector":
            raise ValueError(
                "a model with memory is led through clips by their annotated boxes: boxes=truth, or window=1"
            )
        return _predict_clips(Stream(predictor), record_set, progress, window)
    by_image = [list(people) for _, people in groupby(record_set.records, lambda record: record.image_path)]
    if boxes == "detector" and len({people[0].image_path for people in by_image}) < len(record_set.records):
        raise ValueError(f"{record_set.path} has images with several people: evaluate it with boxes=truth")
    if boxes == "truth":
        looks = [Look(people[0].image_path, np.stack([r.box_xyxy for r in people])) for people in by_image]
    else:
        borders = [widened(record, share) if share else NO_BORDER for record in record_set.records]
        looks = [Look(people[0].image_path, None, border) for people, border in zip(by_image, borders, strict=True)]
    poses: list[Pose] = []
    for people, found in zip(by_image, predict_looks(predictor, looks, progress), strict=True):
        if len(found) != len(people):
            raise ValueError(f"{people[0].image_path}: {len(found)} poses for {len(people)} people")
        poses += found
    return poses


def _predict_clips(stream: Stream, record_set: RecordSet, progress: Progress, window: int) -> list[Pose]:
    """Several clips go side by side, a frame of each at a time."""
    place = {id(record): i for i, record in enumerate(record_set.records)}
    found: dict[int, Pose] = {}
    remaining = iter(progress(clips(record_set.records)))
    while group := list(islice(remaining, _GROUP)):
        memories: list[Memory | None] = [None] * len(group)
        for i in range(max(map(len, group))):
            if window and i % window == 0:
                memories = [None] * len(group)
            going = [number for number, clip in enumerate(group) if len(clip) > i]
            records = [group[number][i] for number in going]
            images = [read_image(record.image_path) for record in records]
            boxes = np.array([record.box_xyxy for record in records])
            poses, left = stream.predict(images, boxes, [memories[number] for number in going])
            for number, record, pose, memory in zip(going, records, poses, left, strict=True):
                memories[number], found[place[id(record)]] = memory, pose
    return [found[i] for i in range(len(record_set.records))]


def predict_detections(
    predictor: Predictor, record_set: RecordSet, path: Path, progress: Progress = iter
) -> list[dict[str, Any]]:
    """COCO keypoint results for a detector's result file: [{"image_id", "category_id", "bbox", "score"}, ...].

    A pose scores what its box scored times the mean of its keypoints. Raises ValueError for another file, for images
    that the set does not know, and where nothing was detected.
    """
    _same_skeleton(predictor, record_set)
    try:
        rows = [row for row in json.loads(path.read_text()) if row["category_id"] == 1]
        rows.sort(key=lambda row: row["image_id"])
        scores = [float(row["score"]) for row in rows]
        by_image = {key: list(people) for key, people in groupby(rows, lambda row: row["image_id"])}
        looks = [
            Look(record_set.images[key], np.array([row["bbox"] for row in people], np.float64) @ _EDGES)
            for key, people in by_image.items()
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a detection file for {record_set.path}: {error!r}") from error
    if not rows:
        raise ValueError(f"{path} has no detection of category 1, a person")
    poses = chain.from_iterable(predict_looks(predictor, looks, progress))
    return [
        pose.to_coco(row["image_id"]) | {"score": score * pose.person_score}
        for row, score, pose in zip(rows, scores, poses, strict=True)
    ]


_EDGES = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 1]], np.float64)  # x, y, w, h -> x1, y1, x2, y2


def _same_skeleton(predictor: Predictor, record_set: RecordSet) -> None:
    model, data = predictor.spec.skeleton, record_set.skeleton
    if model.keypoints != data.keypoints:
        raise ValueError(f"the model's skeleton is {model.name}, the data's {data.name}")
