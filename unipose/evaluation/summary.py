"""Summary: the metrics of the poses predicted for a record set."""

from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import numpy as np

from unipose.core.boxes import to_xywh
from unipose.core.choice import choose
from unipose.core.metrics import Correct, pck, pckh, reliability
from unipose.core.pose import Pose
from unipose.core.types import Float64, Json
from unipose.datasets.records import Record, RecordSet


def score_pck(records: Sequence[Record], poses: Sequence[Pose], record_set: RecordSet) -> Correct:
    """PCK@0.2 over labelled keypoints, occluded ones included."""
    return pck(_found(poses), _truth(records), np.array([r.labelled for r in records]), record_set.skeleton)


def score_pckh(records: Sequence[Record], poses: Sequence[Pose], record_set: RecordSet) -> Correct:
    """PCKh@0.5 over visible keypoints. Raises ValueError for a set without head sizes."""
    if not any(r.head_size for r in record_set.records):
        raise ValueError(f"{record_set.path} has no head_size: PCKh needs data/prepare_mpii.py's output")
    head_size = np.array([r.head_size if r.head_size else np.nan for r in records], np.float64)
    counted = np.array([r.visible for r in records])
    return pckh(_found(poses), _truth(records), counted, head_size, record_set.skeleton)


def average_precision(results: Sequence[dict[str, Any]], record_set: RecordSet) -> dict[str, float]:
    """COCO's ten OKS numbers, AP first, computed by pycocotools; NaN for a size that nobody has.

    Boxes are left out, as in published result files: pycocotools would take a pose's size from its box, which changes
    AP_medium and AP_large.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    names = ("AP", "AP50", "AP75", "AP_medium", "AP_large", "AR", "AR50", "AR75", "AR_medium", "AR_large")
    if not results:  # which pycocotools cannot load
        return dict.fromkeys(names, 0.0 if record_set.records else np.nan)
    truth = COCO()
    truth.dataset = _ground_truth(record_set)
    with redirect_stdout(StringIO()):  # pycocotools prints its progress
        truth.createIndex()
        found = truth.loadRes([{key: row[key] for key in _RESULT} for row in results])
        evaluation = COCOeval(truth, found, "keypoints")
        evaluation.params.kpt_oks_sigmas = np.array(record_set.skeleton.oks_sigmas)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {name: float(value) if value >= 0 else np.nan for name, value in zip(names, evaluation.stats, strict=True)}


def _ground_truth(record_set: RecordSet) -> Json:
    """A set's people as COCO's, numbered from 1: pycocotools takes an annotation 0 for "not matched"."""
    annotations = [
        {
            "id": number,
            "image_id": record.image_id,
            "category_id": 1,
            "keypoints": np.column_stack([record.xy_image, record.labelled]).ravel().tolist(),
            "num_keypoints": int(record.labelled.sum()),
            "bbox": to_xywh(record.box_xyxy).tolist(),
            "area": record.area,
            "iscrowd": int(record.crowd),
        }
        for number, record in enumerate([*record_set.records, *record_set.others], 1)
    ]
    images = [{"id": image_id} for image_id in record_set.images]
    return {"info": {}, "images": images, "categories": [{"id": 1, "name": "person"}], "annotations": annotations}


_RESULT = ("image_id", "category_id", "keypoints", "score")

METRICS = {"pck": "PCK@0.2", "pckh": "PCKh@0.5", "ap": "OKS AP"}
_CORRECT: dict[str, Callable[..., Correct]] = {"pck": score_pck, "pckh": score_pckh}
_THIRDS = ("smallest third", "middle third", "largest third")


def default_metric(record_set: RecordSet) -> str:
    """The usual metric for a set of this skeleton; PCK where there is none."""
    return {"mpii16": "pckh", "coco17": "ap"}.get(record_set.skeleton.name, "pck")


def summarise(metric: str, record_set: RecordSet, poses: Sequence[Pose]) -> dict[str, Any]:
    """{"metric", "people", "mean", "per_keypoint": {name: share}, "by_size": {...},
    "scores": {...}} in percent, or COCO's for "ap".

    Raises ValueError for a metric that is no row of `METRICS`, and where it applies to nobody in the set.
    """
    choose(METRICS, metric, "metric")
    records = record_set.records
    if not records:
        raise _nobody(metric, record_set)
    if metric == "ap":
        results = [pose.to_coco(record.image_id) for record, pose in zip(records, poses, strict=True)]
        return summarise_ap(results, record_set)
    score = _CORRECT[metric](records, poses, record_set)
    if not score.instances:
        raise _nobody(metric, record_set)
    order = np.argsort([np.prod(r.box_xyxy[2:] - r.box_xyxy[:2]) for r in records], kind="stable")
    by_size = {
        name: _percent(_CORRECT[metric]([records[i] for i in part], [poses[i] for i in part], record_set).mean)
        for name, part in zip(_THIRDS, np.array_split(order, 3), strict=True)
        if len(part)
    }
    return {
        "metric": METRICS[metric],
        "people": len(records),
        "mean": _percent(score.mean),
        "instances": score.instances,
        "per_keypoint": dict(zip(record_set.skeleton.keypoints, map(_percent, score.per_keypoint), strict=True)),
        "by_size": by_size,
        "reliability": [
            {"keypoints": count, "score": mean, "right": share}
            for count, mean, share in reliability(
                np.array([pose.score for pose in poses])[score.counted], score.right[score.counted]
            )
        ],
    }


def summarise_ap(results: Sequence[dict[str, Any]], record_set: RecordSet) -> dict[str, Any]:
    """The same for COCO results; COCO's numbers by size are among them."""
    numbers = average_precision(results, record_set)
    if np.isnan(numbers["AP"]):
        raise _nobody("ap", record_set)
    coco = {name: _percent(value) for name, value in numbers.items()}
    return {"metric": METRICS["ap"], "people": len(record_set.records), "mean": coco["AP"], "coco": coco}


def _nobody(metric: str, record_set: RecordSet) -> ValueError:
    return ValueError(f"{record_set.path} has nobody whom {METRICS[metric]} can judge")


def annotated(record: Record) -> Pose:
    """The annotation as a pose, whose labelled keypoints score 1."""
    return Pose(record.xy_image, record.labelled.astype(np.float64), record.box_xyxy)


def errors(record_set: RecordSet, poses: Sequence[Pose]) -> Float64:
    """Each person's mean error over labelled keypoints, in diagonals of their box -> (N,)."""
    records = record_set.records
    labelled = np.array([r.labelled for r in records])
    distance = np.linalg.norm(_found(poses) - _truth(records), axis=-1)
    diagonal = np.array([np.hypot(*(r.box_xyxy[2:] - r.box_xyxy[:2])) for r in records])
    mean: Float64 = (distance * labelled).sum(axis=1) / labelled.sum(axis=1) / diagonal
    return mean


def _percent(share: float) -> float | None:
    return None if np.isnan(share) else 100 * float(share)


def _found(poses: Sequence[Pose]) -> Float64:
    return np.array([pose.xy_image for pose in poses], np.float64)


def _truth(records: Sequence[Record]) -> Float64:
    return np.array([record.xy_image for record in records])
