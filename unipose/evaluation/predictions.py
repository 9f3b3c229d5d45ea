"""Predictions: the poses that a Predictor, the same that is served, finds for the records of a set."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from unipose.core.geometry import Affine
from unipose.core.image import open_image, read_image
from unipose.core.metrics import pair_oks
from unipose.core.model_spec import ModelSpec
from unipose.core.picture import Picture
from unipose.core.pose import Pose
from unipose.core.skeleton import Skeleton
from unipose.core.types import Float, Float64, Json
from unipose.datasets.detection_file import read_detections
from unipose.datasets.records import Record, RecordSet, clips
from unipose.inference.duplicates import without_duplicates
from unipose.inference.predictor import Predictor
from unipose.inference.recurrent import RecurrentPredictor, RecurrentState

BOXES = ("truth", "detector")
NO_BORDER = (0, 0, 0, 0)
GROUP = 16  # images held in memory at once
CLEAR = 0.2  # the keypoint score above which it counts in a published result's score
SAME = 0.9  # the OKS above which two poses of a published result are one person's

Progress = Callable[[Sequence[Any]], Iterable[Any]]
"""Wraps a sequence that is worked through, to show how far the work is."""


@dataclass(frozen=True, eq=False)
class ImageQuery:
    """What the predictor is asked about an image: boxes_xyxy (N, 4), or None for the detector's.

    `border`: by how many pixels the image is widened first, to the left, top, right and bottom.
    """

    image_path: Path
    boxes_xyxy: Float64 | None
    border: tuple[int, int, int, int] = NO_BORDER

    def picture(self) -> Picture:
        if self.border == NO_BORDER:
            return Picture(open_image(self.image_path))
        left, top, right, bottom = self.border
        wide = cv2.copyMakeBorder(read_image(self.image_path), top, bottom, left, right, cv2.BORDER_REPLICATE)
        return Picture(np.asarray(wide, np.uint8))


def predict_queries(
    predictor: Predictor, queries: Sequence[ImageQuery], progress: Progress = iter, min_score: float | None = None
) -> list[list[Pose]]:
    """The poses for each query, in the frame of its image without the border."""
    found: list[list[Pose]] = []
    remaining = iter(progress(queries))
    while group := list(islice(remaining, GROUP)):
        poses = predictor.finish([predictor.flow(q.picture(), q.boxes_xyxy, None, min_score) for q in group])
        for query, people in zip(group, poses, strict=True):
            left, top, _, _ = query.border
            found.append([pose.moved(np.array([-left, -top])) for pose in people])
    return found


def border_for(record: Record, share: float) -> tuple[int, int, int, int]:
    """The border around an image, in its own proportions and at a random place, with which the person's box takes
    `share` of the height; none where the person is smaller than that already.
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
    """One pose per record: in its annotated box (`truth`), or the main person whom the detector finds (`detector`).

    A recurrent model goes through each clip of a set of clips; with a `window` its states are reset after so many
    frames. With a `share` the detector's images get a border, until the person takes that much of their height. Raises
    ValueError for `detector` with a recurrent model on clips, and with several people in an image, where it is not
    known which pose belongs to whom.
    """
    keypoints = shared_keypoints(predictor.spec, record_set)
    if boxes not in BOXES:
        raise ValueError(f"boxes must be one of {BOXES}, got {boxes!r}")
    if predictor.spec.state_channels and window != 1 and any(record.frame for record in record_set.records):
        if boxes == "detector":
            raise ValueError("a recurrent model goes through clips by their annotated boxes: boxes=truth, or window=1")
        found_in_clips = _predict_clips(RecurrentPredictor(predictor), record_set, progress, window)
        return [pose.select(keypoints) for pose in found_in_clips]
    by_image = [list(people) for _, people in groupby(record_set.records, lambda record: record.image_path)]
    if boxes == "detector" and len({people[0].image_path for people in by_image}) < len(record_set.records):
        raise ValueError(f"{record_set.path} has images with several people: evaluate it with boxes=truth")
    if boxes == "truth":
        queries = [ImageQuery(people[0].image_path, np.stack([r.box_xyxy for r in people])) for people in by_image]
    else:
        borders = [border_for(record, share) if share else NO_BORDER for record in record_set.records]
        queries = [
            ImageQuery(r.image_path, None, border) for r, border in zip(record_set.records, borders, strict=True)
        ]
    poses: list[Pose] = []
    for people, found in zip(by_image, predict_queries(predictor, queries, progress), strict=True):
        if boxes == "detector":
            found = [main_person(found) or nobody(predictor.spec)]
        if len(found) != len(people):
            raise ValueError(f"{people[0].image_path}: {len(found)} poses for {len(people)} people")
        poses += [pose.select(keypoints) for pose in found]
    return poses


def main_person(poses: Sequence[Pose]) -> Pose | None:
    """Of the people found in an image, the one whom it shows: the largest product of score and box area."""
    return max(poses, key=lambda p: p.person_score * float(np.prod(p.box_xyxy[2:] - p.box_xyxy[:2])), default=None)


def nobody(spec: ModelSpec) -> Pose:
    """In place of a pose where nobody was found: every keypoint is wrong, and scores 0."""
    count = len(spec.skeleton.keypoints)
    return Pose(np.full((count, 2), np.nan), np.zeros(count), np.zeros(4))


def predict_images(
    predictor: Predictor, record_set: RecordSet, progress: Progress = iter, min_score: float | None = None
) -> list[list[Pose]]:
    """The people found in each image of a set, in the order of `images`, with the set's keypoints."""
    keypoints = shared_keypoints(predictor.spec, record_set)
    record_set.require_images()
    queries = [ImageQuery(path, None) for path in record_set.images.values()]
    found = predict_queries(predictor, queries, progress, min_score)
    return [[pose.select(keypoints) for pose in poses] for poses in found]


def _predict_clips(recurrent: RecurrentPredictor, record_set: RecordSet, progress: Progress, window: int) -> list[Pose]:
    """A group of clips goes side by side, a frame of each at a time."""
    place = {id(record): i for i, record in enumerate(record_set.records)}
    found: dict[int, Pose] = {}
    remaining = iter(progress(clips(record_set.records)))
    while group := list(islice(remaining, GROUP)):
        states: list[RecurrentState | None] = [None] * len(group)
        for i in range(max(map(len, group))):
            if window and i % window == 0:
                states = [None] * len(group)
            unfinished = [number for number, clip in enumerate(group) if len(clip) > i]
            records = [group[number][i] for number in unfinished]
            images = [read_image(record.image_path) for record in records]
            boxes = np.array([record.box_xyxy for record in records])
            poses, left = recurrent.predict(images, boxes, [states[number] for number in unfinished])
            for number, record, pose, state in zip(unfinished, records, poses, left, strict=True):
                states[number], found[place[id(record)]] = state, pose
    return [found[i] for i in range(len(record_set.records))]


def predict_detections(
    predictor: Predictor, record_set: RecordSet, path: Path, progress: Progress = iter
) -> list[Json]:
    """COCO keypoint results for the boxes of a detection file, by the usual top-down protocol.

    That of Xiao et al., ECCV 2018: a pose's score is its box's times the mean of its keypoints' scores above 0.2, and
    of the poses of an image with an OKS above 0.9, over all keypoints, the best is kept.
    """
    keypoints = shared_keypoints(predictor.spec, record_set)
    detected = read_detections(path, record_set)
    queries = [ImageQuery(record_set.images[key], people.boxes_xyxy) for key, people in detected.items()]
    results: list[Json] = []
    likeness = partial(crop_oks, spec=predictor.spec, skeleton=record_set.skeleton)
    for (key, people), poses in zip(detected.items(), predict_queries(predictor, queries, progress), strict=True):
        assert people.scores is not None
        found = [
            replace(own := pose.select(keypoints), probability=float(score) * clear_mean(own.score))
            for pose, score in zip(poses, people.scores, strict=True)
        ]
        best_first = sorted(found, key=lambda pose: -pose.person_score)
        results += [pose.to_coco(key) for pose in without_duplicates(best_first, likeness, SAME)]
    return results


def clear_mean(score: Float) -> float:
    """The mean of the keypoint scores (K,) above CLEAR; 0 without any."""
    return float(score[score > CLEAR].mean()) if (score > CLEAR).any() else 0.0


def crop_oks(a: Pose, b: Pose, spec: ModelSpec, skeleton: Skeleton) -> float:
    """The OKS of two poses over all keypoints; their size is the mean area of the crops that the model saw."""
    to_inputs = [Affine.fit(pose.box_xyxy, spec.input_wh, spec.margin).matrix[:, :2] for pose in (a, b)]
    areas = [np.prod(spec.input_wh) / np.linalg.det(matrix) for matrix in to_inputs]
    return pair_oks(a, b, np.ones(len(a.score), bool), float(np.mean(areas)), skeleton)


def shared_keypoints(spec: ModelSpec, record_set: RecordSet) -> list[int]:
    """The index in the model's skeleton of each of the set's keypoints.

    Raises ValueError where the set has no labelled keypoint, or keypoints that the model does not have.
    """
    record_set.require_keypoints()
    model, data = spec.skeleton, record_set.skeleton
    places = model.find(data.keypoints)
    if missing := [name for name, place in zip(data.keypoints, places, strict=True) if place < 0]:
        raise ValueError(
            f"{record_set.path} ({data.name}) has keypoints that the model {spec.name} ({model.name}) does not have: "
            f"{', '.join(missing)}"
        )
    return places
