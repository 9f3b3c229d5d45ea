"""Evaluation: the served Predictor over a record set, and the numbers for what it found."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unipose.image import read_image
from unipose.metrics import Correct, pck, pckh
from unipose.pose import Pose
from unipose.predictor import Predictor
from unipose.records import Record, RecordSet

Progress = Callable[[Sequence[Record]], Iterable[Record]]
BOXES = ("truth", "detector")
_GROUP = 16  # images held in memory at once


def predict_records(
    predictor: Predictor, record_set: RecordSet, boxes: str = "truth", progress: Progress = iter
) -> list[Pose]:
    """One pose per record: in its annotated box (`truth`), or in what the detector finds (`detector`).

    Raises ValueError for `detector` where an image holds several people: which pose is whose is then not known.
    """
    records = record_set.records
    if boxes not in BOXES:
        raise ValueError(f"boxes must be one of {BOXES}, got {boxes!r}")
    if boxes == "detector" and len({record.image_id for record in records}) < len(records):
        raise ValueError(f"{record_set.path} has images with several people: evaluate it with boxes=truth")
    if predictor.spec.skeleton.keypoints != record_set.skeleton.keypoints:
        raise ValueError(
            f"the model's skeleton is {predictor.spec.skeleton.name}, the data's {record_set.skeleton.name}"
        )
    poses: list[Pose] = []
    group: list[Record] = []

    def flush() -> None:
        images = [read_image(record.image_path) for record in group]
        given = [record.box_xyxy[None] if boxes == "truth" else None for record in group]
        for record, found in zip(group, predictor.predict(images, given), strict=True):
            if len(found) != 1:
                raise ValueError(f"{record.image_path}: {len(found)} poses where the set has one person")
            poses.extend(found)
        group.clear()

    for record in progress(records):
        group.append(record)
        if len(group) == _GROUP:
            flush()
    flush()
    return poses


def score_pck(records: Sequence[Record], poses: Sequence[Pose], record_set: RecordSet) -> Correct:
    """PCK@0.2 over labelled keypoints, occluded ones included."""
    return pck(_found(poses), _truth(records), np.array([r.labelled for r in records]), record_set.skeleton)


def score_pckh(records: Sequence[Record], poses: Sequence[Pose], record_set: RecordSet) -> Correct:
    """PCKh@0.5 over visible keypoints. Raises ValueError for a set without head sizes."""
    head_size = np.array([r.head_size if r.head_size else np.nan for r in records], np.float64)
    if np.isnan(head_size).all():
        raise ValueError(f"{record_set.path} has no head_size: PCKh needs data/prepare_mpii.py's output")
    counted = np.array([r.visible for r in records])
    return pckh(_found(poses), _truth(records), counted, head_size, record_set.skeleton)


def score_ap(records: Sequence[Record], poses: Sequence[Pose], record_set: RecordSet) -> dict[str, float]:
    """COCO's ten OKS numbers, AP first, by pycocotools, the only judge.

    Raises ValueError for an annotation id 0, which pycocotools takes for "not matched".
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    if any(record.id == 0 for record in records):
        raise ValueError(f"{record_set.path} has an annotation id 0, which would count as missed: number from 1")
    with redirect_stdout(StringIO()):  # pycocotools prints its progress
        truth = COCO(str(record_set.path))
        found = truth.loadRes([pose.to_coco(record.image_id) for record, pose in zip(records, poses, strict=True)])
        evaluation = COCOeval(truth, found, "keypoints")
        evaluation.params.kpt_oks_sigmas = np.array(record_set.skeleton.oks_sigmas)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    names = ("AP", "AP50", "AP75", "AP_medium", "AP_large", "AR", "AR50", "AR75", "AR_medium", "AR_large")
    return {name: float(value) for name, value in zip(names, evaluation.stats, strict=True)}


def summarise(metric: str, record_set: RecordSet, poses: Sequence[Pose]) -> dict[str, Any]:
    """{"metric", "people", "mean", "per_keypoint": {name: share}} in percent, or COCO's numbers for "ap".

    Raises ValueError for a metric that is no row of `METRICS`.
    """
    if metric not in METRICS:
        raise ValueError(f"no metric {metric!r}; choose one of {', '.join(METRICS)}")
    score = METRICS[metric](record_set.records, poses, record_set)
    summary: dict[str, Any] = {"metric": METRIC_NAMES[metric], "people": len(record_set.records)}
    if isinstance(score, dict):
        return summary | {"mean": 100 * score["AP"], "coco": {name: 100 * value for name, value in score.items()}}
    per_keypoint = {
        name: None if np.isnan(share) else 100 * float(share)
        for name, share in zip(record_set.skeleton.keypoints, score.per_keypoint, strict=True)
    }
    return summary | {"mean": 100 * score.mean, "instances": score.instances, "per_keypoint": per_keypoint}


METRICS: dict[str, Callable[..., Correct | dict[str, float]]] = {
    "pck": score_pck,
    "pckh": score_pckh,
    "ap": score_ap,
}
METRIC_NAMES = {"pck": "PCK@0.2", "pckh": "PCKh@0.5", "ap": "OKS AP"}


def default_metric(record_set: RecordSet) -> str:
    """What a set of this skeleton is usually judged by; PCK where nothing is usual."""
    return {"mpii16": "pckh", "coco17": "ap"}.get(record_set.skeleton.name, "pck")


def _found(poses: Sequence[Pose]) -> NDArray[np.float64]:
    return np.array([pose.xy_image for pose in poses], np.float64)


def _truth(records: Sequence[Record]) -> NDArray[np.float64]:
    return np.array([record.xy_image for record in records])
