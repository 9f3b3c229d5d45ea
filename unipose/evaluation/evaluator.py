"""Evaluator: a model file judged on a labelled set, the numbers and everything needed to get them again."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unipose.core.files import require_file, sha256, text_of
from unipose.core.folders import images_in
from unipose.core.heatmap import DECODERS
from unipose.core.metrics import auroc
from unipose.core.pose import Pose
from unipose.core.ranges import within
from unipose.core.types import Json
from unipose.datasets.records import RecordSet
from unipose.evaluation.box_ap import box_ap, find_people
from unipose.evaluation.people import match
from unipose.evaluation.predictions import (
    BOXES,
    ImageQuery,
    Progress,
    predict_detections,
    predict_images,
    predict_queries,
    predict_records,
)
from unipose.evaluation.summary import default_metric, summarise, summarise_ap
from unipose.inference.detectors.detector import Detector, open_detector
from unipose.inference.detectors.finder import Finder
from unipose.inference.predictor import Predictor
from unipose.runtime.engines import open_runtime
from unipose.runtime.runtime import Runtime
from unipose.weights import weights_beside, weights_files

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)  # of the person score


@dataclass(frozen=True)
class EvaluationOptions:
    """What is judged, and how. Raises ValueError where options contradict each other, OSError without a file of boxes.

    `metric`: a row of `summary.METRICS`; None is the set's own. `boxes`: "truth" for the annotated ones, "detector", or
    the path of a COCO detection file. `window`: frames after which a recurrent model's states are reset. With boxes of
    the detector, `share` widens images until the person takes this part of their height, and `empty` is a folder of
    images without people, to say how well the person score tells them apart. `compare`: every decoder, too.
    """

    metric: str | None = None
    boxes: str = "truth"
    flip: bool = False
    window: int = 0
    share: float = 0.0
    empty: Path | None = None
    decoder: str = "dark"
    compare: bool = False
    engine: str | None = None
    device: str = "cpu"
    detector: str = "finder"
    detector_weights: str | None = None
    detector_threshold: float | None = None

    def __post_init__(self) -> None:
        within("--share", self.share, 0, 1)
        within("--window", self.window, 0)
        if self.share and self.boxes != "detector":
            raise ValueError(f"--share needs --boxes detector, got {self.boxes}")
        if self.empty and self.boxes != "detector":
            raise ValueError(f"--empty needs --boxes detector, got {self.boxes}")
        if self.detections:
            require_file(self.detections, f"file for --boxes ({', '.join(BOXES)} or detections)")

    @property
    def files(self) -> list[Path]:
        """What is read besides the model and the set. Raises ValueError for an `empty` without images."""
        files = [*([self.detections] if self.detections else []), *weights_files(self.detector_weights)]
        return [*files, *(images_in(self.empty) if self.empty else [])]

    @property
    def detections(self) -> Path | None:
        """The detection file, where `boxes` names one."""
        return None if self.boxes in BOXES else Path(self.boxes)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """`report`: the numbers, in percent, and what they were made with, as JSON. `poses`: one per record of the set, or
    none where the people who were found are not its records.
    """

    report: Json
    record_set: RecordSet
    poses: list[Pose]


def evaluate(
    model: Path, record_set: RecordSet, options: EvaluationOptions | None = None, progress: Progress = iter
) -> Evaluation:
    """Judge a model file on a set. Raises ValueError and OSError for what cannot be judged."""
    options = options or EvaluationOptions()
    runtime = open_runtime(model, options.engine, options.device)
    if runtime.spec.kind == "finder":
        numbers = box_ap(find_people(Finder(runtime, threshold=0.01), record_set), record_set)
        people = sum(int((~people.crowd).sum()) for people in record_set.boxes.values())
        summary = {"metric": "box AP", "people": people, "mean": numbers["AP"], "coco": numbers}
        return Evaluation(describe(summary, runtime, model, record_set, options), record_set, [])
    metric = options.metric or default_metric(record_set)
    if options.detections and metric != "ap":
        raise ValueError(f"with boxes of a detection file only --metric ap can be judged: {options.boxes}")
    detector: Detector | None = None
    if options.boxes == "detector":
        weights = weights_beside(options.detector, options.detector_weights, model)
        detector = open_detector(options.detector, weights, options.detector_threshold, options.device)
    empty = [ImageQuery(path, None) for path in images_in(options.empty)] if options.empty else []

    def judge(flip: bool, decoder: str) -> tuple[Json, list[Pose], Predictor]:
        predictor = Predictor(runtime, detector, flip, decoder=decoder)
        if options.detections:
            results = predict_detections(predictor, record_set, options.detections, progress)
            return summarise_ap(results, record_set), [], predictor
        if options.boxes == "detector" and metric == "ap":
            return *summarise_people(predictor, record_set, progress), predictor
        poses = predict_records(predictor, record_set, options.boxes, progress, options.window, options.share)
        return summarise(metric, record_set, poses), poses, predictor

    summary, poses, predictor = judge(options.flip, options.decoder)
    if empty:
        rule = predictor.spec.person_score
        found = predict_queries(predictor, empty, progress, min_score=0.0)
        summary["empty"] = separation(poses, found, rule.threshold if rule else 0.0)
    if options.compare:
        ways = [(name, flip) for name in DECODERS for flip in (False, True)]
        summary["decoders"] = {f"{name}{', flip' * flip}": judge(flip, name)[0]["mean"] for name, flip in ways}
    return Evaluation(describe(summary, runtime, model, record_set, options), record_set, poses)


def describe(summary: Json, runtime: Runtime, model: Path, record_set: RecordSet, options: EvaluationOptions) -> Json:
    """The numbers, and what they were made with."""
    return {
        **summary,
        "boxes": options.boxes,
        "share": options.share,
        "window": options.window,
        "flip": options.flip,
        "decoder": options.decoder,
        "engine": runtime.engine,
        "model": {**runtime.spec.to_identity(), "file": text_of(model.name), "sha256": sha256(model)},
        "data": {"file": text_of(record_set.path), "sha256": sha256(record_set.path)},
    }


def summarise_people(predictor: Predictor, record_set: RecordSet, progress: Progress) -> tuple[Json, list[Pose]]:
    """OKS AP of everybody whom the detector finds, however unlikely, and the people covered at several thresholds."""
    found = predict_images(predictor, record_set, progress, min_score=0.0)
    ids = list(record_set.images)
    results = [pose.to_coco(image_id) for image_id, poses in zip(ids, found, strict=True) for pose in poses]
    matches = match(found, ids, record_set)
    rule = predictor.spec.person_score
    thresholds = sorted({*THRESHOLDS, *([rule.threshold] if rule else [])})
    return summarise_ap(results, record_set) | {"covered": [matches.at(threshold) for threshold in thresholds]}, []


def separation(people: Sequence[Pose], empty: Sequence[Sequence[Pose]], threshold: float) -> Json:
    """How well the person score tells these people from what is found in images without any.

    `empty`: everything found in each image; `threshold`: the score from which it would be shown.
    """
    with_person = np.array([pose.person_score for pose in people])
    without = np.array([max((pose.person_score for pose in poses), default=0.0) for poses in empty])
    return {
        "photos": len(empty),
        "shown": int((without >= threshold).sum()),
        "threshold": threshold,
        "auroc": auroc(with_person, without),
        "median_with_person": float(np.median(with_person)),
        "median_without": float(np.median(without)),
    }
