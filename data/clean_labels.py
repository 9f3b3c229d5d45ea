"""Clean noisy labels with a model: a set's COCO-keypoint JSON -> the same without the labels that are likely wrong.

    python data/clean_labels.py MODEL train.json --out clean.json

The model estimates each person in their annotated box, with flip test. Labels far from a confident prediction are
removed; where a person's labels fit far better with left and right swapped, they are swapped. No label is added. Use a
model that was not trained on the set, or only briefly and together with much other data, so that it has hardly
memorised the set's errors.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from destination import Destination
from source import run_script

from unipose.core.arguments import Parser
from unipose.core.pose import Pose
from unipose.core.skeleton import Skeleton
from unipose.core.types import Bool, Float64, Index
from unipose.datasets.coco_json import write_changed
from unipose.datasets.label_file import read_labels
from unipose.datasets.records import Record, records_of
from unipose.evaluation.predictions import predict_records
from unipose.inference.predictor import Predictor
from unipose.runtime.engines import open_runtime
from unipose.weights import MODEL_HELP, named_model

CONFIDENT = 0.5  # the lowest score with which a prediction overrules a label
FAR = 0.5  # torso lengths between prediction and label that a careless click does not explain
MIN_PAIRED = 4  # confident left and right keypoints needed to judge that a person's sides are swapped
SWAP_GAIN = 0.5  # the share by which swapping must reduce their mean distance


def clean(record: Record, pose: Pose, skeleton: Skeleton) -> tuple[Bool, bool]:
    """-> which labels (K,) are kept, and whether left and right must be swapped first."""
    order = np.arange(len(skeleton.mirror))
    mirror = np.array(skeleton.mirror)
    unit = torso(record, skeleton)
    confident = pose.score >= CONFIDENT
    as_labelled, exchanged = _distance(record, pose, order) / unit, _distance(record, pose, mirror) / unit
    paired = record.labelled & record.labelled[mirror] & confident & (mirror != order)
    swapped = bool(
        paired.sum() >= MIN_PAIRED
        and as_labelled[paired].mean() > FAR
        and exchanged[paired].mean() < (1 - SWAP_GAIN) * as_labelled[paired].mean()
    )
    distance = exchanged if swapped else as_labelled
    labelled = record.labelled[mirror] if swapped else record.labelled
    return labelled & ~(confident & (distance > FAR)), swapped


def torso(record: Record, skeleton: Skeleton) -> float:
    """The torso's length in pixels; a sixth of the box's longer side where that is more, or where it is unlabelled."""
    minimum = float((record.box_xyxy[2:] - record.box_xyxy[:2]).max()) / 6
    a, b = skeleton.torso
    if not (record.labelled[a] and record.labelled[b]):
        return minimum
    return max(minimum, float(np.linalg.norm(record.xy_image[a] - record.xy_image[b])))


def _distance(record: Record, pose: Pose, order: Index) -> Float64:
    distance: Float64 = np.linalg.norm(record.xy_image[order] - pose.xy_image, axis=1)
    return distance


def prepare(args: argparse.Namespace) -> str:
    original = read_labels(args.labels)
    records = records_of(original)
    Destination(args.out.parent, args.force).check([args.out], [args.model, *records.files])
    skeleton = records.skeleton
    poses = predict_records(Predictor(open_runtime(args.model), flip=True), records)
    people = {annotation["id"]: annotation for annotation in original.labels.people}
    removed = exchanged = labels = 0
    for record, pose in zip(records.records, poses, strict=True):
        kept, swapped = clean(record, pose, skeleton)
        rows = np.array(people[record.id]["keypoints"], np.float64).reshape(-1, 3)
        rows = rows[list(skeleton.mirror)] if swapped else rows
        labels += int(record.labelled.sum())
        removed += int((rows[:, 2] > 0).sum() - kept.sum())
        exchanged += swapped
        rows[~kept] = 0
        people[record.id] |= {"keypoints": rows.ravel().tolist(), "num_keypoints": int(kept.sum())}
    write_changed(args.out, original, annotations=list(people.values()))
    share = 100 * removed / labels
    return f"{removed} of {labels} labels ({share:.1f} %) gone, {exchanged} people's sides exchanged -> {args.out}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = Parser(description="a set's labels without those that a model contradicts")
    parser.add_argument("model", type=named_model, help=MODEL_HELP)
    parser.add_argument("labels", type=Path, help="COCO-keypoint JSON, as data/prepare_*.py write it")
    parser.add_argument("--out", type=Path, required=True, help="the JSON to write")
    return run_script(prepare, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
