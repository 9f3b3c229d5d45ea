"""`unipose calibrate MODEL.safetensors OUT.safetensors --data SET.json`: scores as probabilities of being right."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from unipose.cli import exit_status
from unipose.core.arguments import Parser
from unipose.core.files import is_model_file, refuse_overwrite
from unipose.core.folders import images_in
from unipose.core.image import open_image
from unipose.core.logistic import logistic, logistic_regression, logit
from unipose.core.metrics import reliability
from unipose.core.model_spec import KeypointScore, PersonScore
from unipose.core.pose import Pose
from unipose.core.types import Bool, Float64
from unipose.datasets.records import RecordSet, read_records
from unipose.evaluation.people import match
from unipose.evaluation.predictions import ImageQuery, predict_queries, predict_records, shared_keypoints
from unipose.evaluation.summary import default_metric, score_pck, score_pckh
from unipose.inference.detectors.detector import Detector, open_detector
from unipose.inference.predictor import Predictor
from unipose.modeling.checkpoint import read_model, save_model
from unipose.pipelines.options import add_force
from unipose.runtime.engines import Torch
from unipose.weights import finder_for


def main(argv: list[str] | None = None) -> int:
    parser = Parser(prog="unipose calibrate", description=__doc__)
    parser.add_argument("model", type=Path, help="a .safetensors file, as `unipose train` writes it")
    parser.add_argument("out", type=Path, help="the .safetensors file to write")
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, metavar="SET",
        help="COCO-keypoint JSONs that it was not trained on; each counts alike",
    )  # fmt: skip
    parser.add_argument(
        "--people", type=Path, metavar="SET", help="photographs of several people, to calibrate the person score on too"
    )
    parser.add_argument(
        "--empty", type=Path, metavar="FOLDER",
        help="and photographs without people, on whom its threshold then depends too",
    )  # fmt: skip
    parser.add_argument("--finder", type=Path, help="who finds these people (default: the finder that comes along)")
    add_force(parser)
    a = parser.parse_args(argv)
    return exit_status(lambda: _run(a.model, a.out, a.data, a.people, a.empty, a.finder, a.force))


def _run(
    model: Path,
    out: Path,
    data: list[Path],
    people: Path | None,
    empty: Path | None,
    finder: Path | None,
    force: bool,
) -> None:
    if empty and not people:
        raise ValueError("--empty needs --people: without a person score there is no threshold to choose")
    inputs = [model, *data, *(path for path in (people, finder) if path)]
    refuse_overwrite([out], inputs, is_model_file, force)
    print(calibrate(model, out, [read_records(path) for path in data], people, empty, finder))


def calibrate(
    model: Path,
    out: Path,
    record_sets: Sequence[RecordSet],
    people: Path | None = None,
    empty: Path | None = None,
    finder: Path | None = None,
) -> str:
    """Write the model with a KeypointScore, and with `people` also a PersonScore -> lines that say what they change.

    Fitted on every second person of each set, in annotated boxes without flip test, and judged on the others. Weights
    and keypoints stay as they are. Raises ValueError if there are too few people.
    """
    weights, spec = read_model(model)
    people_set = read_records(people) if people else None  # refused now, not after minutes
    detector = open_detector("finder", str(finder or finder_for(model))) if people else None
    nobody = images_in(empty) if empty else []
    runtime = Torch(model)
    runtime.spec = replace(spec, keypoint_score=KeypointScore(bias=0, slope=1))  # whose logit is the root
    halves = [judge_set(Predictor(runtime), record_set) for record_set in record_sets]
    features, right = np.concatenate([half.fitting for half in halves]), np.concatenate([h.fitted for h in halves])
    count = np.concatenate([np.full(len(half.fitted), 1 / len(half.fitted)) for half in halves])
    bias, slope = (round(float(w), 4) for w in logistic_regression(features, right, count * len(count)))
    rule = KeypointScore(bias, slope)
    calibrated = replace(spec, keypoint_score=rule)
    dtype = next(weight.dtype for weight in weights.values() if weight.is_floating_point())
    lines = [f"keypoint score, {rule}; the other half of each set:"]
    for record_set, half in zip(record_sets, halves, strict=True):
        peak = half.judging[:, 1] ** 2
        for when, scores in (("before", spec.scores(peak)), ("after", calibrated.scores(peak))):
            lines.append(f"{record_set.path}, {when}: {reliability_line(scores.astype(np.float64), half.judged)}")
    if people_set and detector:
        runtime.spec = calibrated
        person_score, text = fit_person_score(runtime, people_set, detector, nobody)
        calibrated = replace(calibrated, person_score=person_score)
        lines.append(text)
    save_model(out, weights, calibrated, dtype)
    return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class Halves:
    """Of the keypoints of a set's two halves the features (N, 2), 1 and the root of the map's maximum, and which
    are right (N,).
    """

    fitting: Float64
    fitted: Bool
    judging: Float64
    judged: Bool


def judge_set(predictor: Predictor, record_set: RecordSet) -> Halves:
    """Every second person is fitted to, the others are judged by; scores are the logistic function of the root.

    Raises ValueError if there are too few people.
    """
    poses = predict_records(predictor, record_set, progress=_track, window=1)
    metric = score_pckh if default_metric(record_set) == "pckh" else score_pck
    score = metric(record_set.records, poses, record_set)
    root = logit(np.array([pose.score for pose in poses]), 1e-6)
    features = np.stack([np.ones_like(root), root], axis=-1)
    fitting = score.counted & (np.arange(len(poses)) % 2 == 0)[:, None]
    judging = score.counted & ~fitting
    if not (fitting.any() and judging.any()):
        raise ValueError(f"{record_set.path} has too few people whom PCK can judge: two at least")
    return Halves(features[fitting], score.right[fitting], features[judging], score.right[judging])


def fit_person_score(
    runtime: Torch, record_set: RecordSet, detector: Detector, empty: Sequence[Path] = ()
) -> tuple[PersonScore, str]:
    """Logistic regression on every second image of a set -> the rule, and a line that judges it on the others.

    Its threshold is that of the best F1, in hundredths, over all images and the `empty` ones, where nobody is right.
    """
    runtime.spec = replace(runtime.spec, person_score=PersonScore(bias=0, detection=1, keypoints=1, threshold=0))
    predictor = Predictor(runtime, detector)
    paths = list(record_set.images.values())
    found, features = _people(predictor, paths)
    keypoints = shared_keypoints(runtime.spec, record_set)
    selected = [[pose.select(keypoints) for pose in poses] for poses in found]
    matches = match(selected, list(record_set.images), record_set)
    odd = np.array([i % 2 for i, poses in enumerate(found) for _ in poses], bool)
    weights = logistic_regression(features[~odd], matches.right[~odd], np.ones((~odd).sum()))
    score = logistic(features @ weights)
    nobody = logistic(_people(predictor, empty)[1] @ weights)
    none = np.zeros(len(nobody), bool)
    over_all = replace(
        matches,
        score=np.append(score, nobody),
        right=np.append(matches.right, none),
        covers=np.append(matches.covers, none),
    )
    threshold = max((np.arange(1, 100) / 100).tolist(), key=over_all.f1)
    bias, detection, keypoint, overlap, area = (round(float(w), 4) for w in weights)
    rule = PersonScore(bias, detection, keypoint, threshold, overlap, area)
    shown = replace(matches, score=score).at(threshold)
    line = (
        f"person score, {rule}, on {record_set.path} and {len(empty)} photographs of nobody: F1 "
        f"{over_all.f1(threshold):.3f}, {shown['covered']:.1f} % of {shown['people']} people at {shown['answers']:.2f} "
        f"answers for each; the other half of the images: {reliability_line(score[odd], matches.right[odd])}"
    )
    return rule, line


def _people(predictor: Predictor, paths: Sequence[Path]) -> tuple[list[list[Pose]], Float64]:
    """The people found in each image, and of all of them the features of a PersonScore (N, 5)."""
    found = predict_queries(predictor, [ImageQuery(path, None) for path in paths], _track, min_score=0.0)
    features: list[Float64] = []
    for path, poses in zip(paths, found, strict=True):
        image_wh = open_image(path).size_wh  # its area alone counts, which turning does not change
        features += [PersonScore.features(pose, image_wh) for pose in poses]
    return found, np.array(features).reshape(-1, 5)


def _track(work: Sequence[Any]) -> Iterable[Any]:
    console = Console(stderr=True)
    return track(work, console=console, disable=not console.is_terminal, transient=True)


def reliability_line(score: Float64, right: Bool) -> str:
    brier = float(((score - right) ** 2).mean())
    tenths = ", ".join(f"{mean:.2f}: {100 * share:.0f} %" for _, mean, share in reliability(score, right))
    return f"Brier score {brier:.4f}; of each tenth of the scores the mean, and how many are right: {tenths}"


if __name__ == "__main__":
    raise SystemExit(main())
