"""Noisy labels, read again by a model: a set's COCO-keypoint JSON -> the same without what is most likely wrong.

    python data/clean_labels.py MODEL train.json --out clean.json

The model looks at each person in their annotated box, with flip test. Where it is sure and far from the label, the
label goes; where a person's labels fit far better once left and right are exchanged, they are exchanged. Nothing is
added. Best is a model that has not been trained on the set; one that has been, briefly, and with much else, has hardly
learned its single errors by heart.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from source import command

from unipose.core.pose import Pose
from unipose.core.skeleton import Skeleton
from unipose.datasets.coco_json import write_changed
from unipose.datasets.records import Record, read_records
from unipose.evaluation.predictions import predict_records
from unipose.inference.predictor import Predictor
from unipose.runtime.engines import open_runtime
from unipose.weights import MODEL_HELP, named_model

CONFIDENT = 0.5  # a keypoint's score from which on the model is believed rather than the label
FAR = 0.5  # torsos between the two that no click explains
PAIRED = 4  # sure keypoints with a mirror twin that it takes to say so of a person
SWAPPED = 0.5  # how much nearer the labels of both sides come, in the mean, when they are exchanged


def clean(record: Record, pose: Pose, skeleton: Skeleton) -> tuple[NDArray[np.bool_], bool]:
    """-> which labels (K,) stay, and whether left and right are to be exchanged first."""
    order = np.arange(len(skeleton.mirror))
    mirror = np.array(skeleton.mirror)
    unit = torso(record, skeleton)
    sure = pose.score >= CONFIDENT
    as_it_is, exchanged = _distance(record, pose, order) / unit, _distance(record, pose, mirror) / unit
    paired = record.labelled & record.labelled[mirror] & sure & (mirror != order)
    swapped = bool(
        paired.sum() >= PAIRED
        and as_it_is[paired].mean() > FAR
        and exchanged[paired].mean() < (1 - SWAPPED) * as_it_is[paired].mean()
    )
    distance = exchanged if swapped else as_it_is
    labelled = record.labelled[mirror] if swapped else record.labelled
    return labelled & ~(sure & (distance > FAR)), swapped


def torso(record: Record, skeleton: Skeleton) -> float:
    """In pixels; people seen so that it looks short are measured by a sixth of their box."""
    side = float((record.box_xyxy[2:] - record.box_xyxy[:2]).max()) / 6
    a, b = skeleton.torso
    if not (record.labelled[a] and record.labelled[b]):
        return side
    return max(side, float(np.linalg.norm(record.xy_image[a] - record.xy_image[b])))


def _distance(record: Record, pose: Pose, order: NDArray[np.intp]) -> NDArray[np.float64]:
    distance: NDArray[np.float64] = np.linalg.norm(record.xy_image[order] - pose.xy_image, axis=1)
    return distance


def prepare(args: argparse.Namespace) -> str:
    record_set = read_records(args.labels)
    skeleton = record_set.skeleton
    poses = predict_records(Predictor(open_runtime(args.model), flip=True), record_set)
    content: dict[str, Any] = json.loads(args.labels.read_text())
    people = {annotation["id"]: annotation for annotation in content["annotations"]}
    gone = exchanged = labels = 0
    for record, pose in zip(record_set.records, poses, strict=True):
        stays, swapped = clean(record, pose, skeleton)
        rows = np.array(people[record.id]["keypoints"], np.float64).reshape(-1, 3)
        rows = rows[list(skeleton.mirror)] if swapped else rows
        labels += int(record.labelled.sum())
        gone += int((rows[:, 2] > 0).sum() - stays.sum())
        exchanged += swapped
        rows[~stays] = 0
        people[record.id] |= {"keypoints": rows.ravel().tolist(), "num_keypoints": int(stays.sum())}
    if not labels:
        raise ValueError(f"{args.labels} has no labelled keypoint")
    write_changed(args.out, content, args.labels)
    share = 100 * gone / labels
    return f"{gone} of {labels} labels ({share:.1f} %) gone, {exchanged} people's sides exchanged -> {args.out}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="a set's labels without those that a model contradicts")
    parser.add_argument("model", type=named_model, help=MODEL_HELP)
    parser.add_argument("labels", type=Path, help="COCO-keypoint JSON, as data/prepare_*.py write it")
    parser.add_argument("--out", type=Path, required=True, help="the JSON to write")
    return command(prepare, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
