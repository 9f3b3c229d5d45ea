"""Evaluator: a model file judged on a labelled set, the numbers and everything needed to get them again."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from unipose.core.files import sha256
from unipose.core.heatmap import DECODERS
from unipose.core.image import images_in
from unipose.core.metrics import auroc
from unipose.core.pose import Pose
from unipose.core.types import Json
from unipose.datasets.records import RecordSet, read_records
from unipose.evaluation.predictions import (
    BOXES,
    ImageQuery,
    Progress,
    predict_detections,
    predict_queries,
    predict_records,
)
from unipose.evaluation.summary import default_metric, summarise, summarise_ap
from unipose.inference.predictor import Predictor
from unipose.runtime.engines import open_runtime


@dataclass(frozen=True)
class EvaluationOptions:
    """What is judged, and how. Raises ValueError where the options contradict each other.

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
    decoder: str = "quadratic"
    compare: bool = False
    engine: str | None = None
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.share and not (0 < self.share <= 1 and self.boxes == "detector"):
            raise ValueError(f"--share is from 0 to 1, and needs --boxes detector: got {self.share} with {self.boxes}")
        if self.empty and self.boxes != "detector":
            raise ValueError(f"--empty needs --boxes detector, got {self.boxes}")

    @property
    def detections(self) -> Path | None:
        """The detection file, where `boxes` names one."""
        return None if self.boxes in BOXES else Path(self.boxes)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """`report`: the numbers, in percent, and what they were made with, as JSON. `poses`: one per record of the set.

    With boxes of a detection file there are no `poses`: its people are not the records.
    """

    report: Json
    record_set: RecordSet
    poses: list[Pose]


def evaluate(
    model: Path, data: Path, options: EvaluationOptions | None = None, progress: Progress = iter
) -> Evaluation:
    """Judge a model file on a COCO-keypoint JSON. Raises ValueError and OSError for what cannot be judged."""
    options = options or EvaluationOptions()
    record_set = read_records(data)
    metric = options.metric or default_metric(record_set)
    if options.detections and metric != "ap":
        raise ValueError(f"with boxes of a detection file only --metric ap can be judged: {options.boxes}")
    runtime = open_runtime(model, options.engine, options.device)
    empty = [ImageQuery(path, None) for path in images_in(options.empty)] if options.empty else []

    def judge(flip: bool, decoder: str) -> tuple[Json, list[Pose], Predictor]:
        predictor = Predictor(runtime, flip=flip, decoder=decoder)
        if options.detections:
            results = predict_detections(predictor, record_set, options.detections, progress)
            return summarise_ap(results, record_set), [], predictor
        poses = predict_records(predictor, record_set, options.boxes, progress, options.window, options.share)
        return summarise(metric, record_set, poses), poses, predictor

    summary, poses, predictor = judge(options.flip, options.decoder)
    if empty:
        summary["empty"] = separation(poses, predict_queries(predictor, empty, progress))
    if options.compare:
        ways = [(name, flip) for name in DECODERS for flip in (False, True)]
        summary["decoders"] = {f"{name}{', flip' * flip}": judge(flip, name)[0]["mean"] for name, flip in ways}
    report = {
        **summary,
        "boxes": options.boxes,
        "share": options.share,
        "window": options.window,
        "flip": options.flip,
        "decoder": options.decoder,
        "engine": runtime.engine,
        "model": {**runtime.spec.to_identity(), "file": model.name, "sha256": sha256(model)},
        "data": {"file": str(data), "sha256": sha256(data)},
    }
    return Evaluation(report, record_set, poses)


def separation(people: Sequence[Pose], empty: Sequence[Sequence[Pose]]) -> Json:
    """How well the person score tells these people from what is found in images without any."""
    scores = [np.array([pose.person_score for pose in poses]) for poses in (people, list(chain.from_iterable(empty)))]
    return {
        "photos": len(empty),
        "auroc": auroc(*scores),
        "median_with_person": float(np.median(scores[0])),
        "median_without": float(np.median(scores[1])),
    }
