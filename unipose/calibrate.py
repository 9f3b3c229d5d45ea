"""`unipose calibrate MODEL.safetensors OUT.safetensors --data SET.json`: scores as probabilities of being right."""

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from unipose.cli import Parser, exit_status
from unipose.core.files import is_model_file, refuse_overwrite
from unipose.core.image import read_image
from unipose.core.metrics import reliability
from unipose.core.model_spec import PersonScore
from unipose.core.pose import Pose
from unipose.core.types import Bool, Float32, Float64
from unipose.datasets.records import Record, RecordSet, read_records
from unipose.evaluation.people import match
from unipose.evaluation.predictions import ImageQuery, predict_queries, shared_keypoints
from unipose.evaluation.summary import default_metric, score_pck, score_pckh
from unipose.inference.detectors.detector import Detector, open_detector
from unipose.inference.predictor import Predictor
from unipose.modeling.checkpoint import read_model, save_model
from unipose.pipelines.options import add_force
from unipose.runtime.engines import Torch
from unipose.weights import finder_for

TEMPERATURES = 1.02 ** np.arange(-55, 56)
BATCH = 16
LAST = "decoder.maps."  # the convolution whose output is the logits


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
    parser.add_argument("--finder", type=Path, help="who finds these people (default: the finder that comes along)")
    add_force(parser)
    a = parser.parse_args(argv)
    return exit_status(lambda: _run(a.model, a.out, a.data, a.people, a.finder, a.force))


def _run(model: Path, out: Path, data: list[Path], people: Path | None, finder: Path | None, force: bool) -> None:
    inputs = [model, *data, *(path for path in (people, finder) if path)]
    refuse_overwrite([out], inputs, is_model_file, force)
    print(calibrate(model, out, [read_records(path) for path in data], people, finder))


def calibrate(
    model: Path, out: Path, record_sets: Sequence[RecordSet], people: Path | None = None, finder: Path | None = None
) -> str:
    """Write the model with its logits divided by a temperature (Guo et al., On calibration of modern neural networks,
    ICML 2017), and with `people` also a PersonScore -> lines that say what it changed.

    The temperature is fitted on every second person of each set, in annotated boxes without flip test, and judged on
    the others; it hardly moves keypoints, as it scales the maps' logarithms. Raises ValueError for a model without
    softmax or with a recurrent state, and if there are too few people.
    """
    weights, spec = read_model(model)
    if spec.network["activation"] != "softmax" or spec.state_channels:
        raise ValueError(f"{model} is not a network of single frames trained with a cross-entropy")
    predictor = Predictor(Torch(model))
    people_set = read_records(people) if people else None  # refused now, not after minutes
    detector = open_detector("finder", str(finder or finder_for(model))) if people else None
    halves = [judge_set(predictor, record_set) for record_set in record_sets]
    chosen = int(np.sum([brier_scores(fitted, right) for fitted, right, _, _ in halves], axis=0).argmin())
    temperature = float(TEMPERATURES[chosen])
    scaled = {name: tensor / temperature if name.startswith(LAST) else tensor for name, tensor in weights.items()}
    provenance = {**spec.provenance, "temperature": spec.provenance.get("temperature", 1.0) * temperature}
    calibrated = replace(spec, provenance=provenance)
    dtype = weights[f"{LAST}weight"].dtype
    lines = [f"temperature {temperature:.2f}; the other half of each set:"]
    for record_set, (_, _, judged, right) in zip(record_sets, halves, strict=True):
        for when, i in (("before", TEMPERATURES.tolist().index(1.0)), ("after", chosen)):
            lines.append(f"{record_set.path}, {when}: {reliability_line(judged[:, i], right)}")
    if people_set and detector:
        with tempfile.TemporaryDirectory() as folder:
            draft = Path(folder) / out.name
            save_model(draft, scaled, calibrated, dtype)
            rule, text = fit_person_score(draft, people_set, detector)
        calibrated = replace(calibrated, person_score=rule)
        lines.append(text)
    save_model(out, scaled, calibrated, dtype)
    return "\n".join(lines)


def judge_set(predictor: Predictor, record_set: RecordSet) -> tuple[Float64, Bool, Float64, Bool]:
    """-> of every second person the scores at each of TEMPERATURES (N, T) and which are right (N,), then of the others.

    Raises ValueError if there are too few people.
    """
    keypoints = shared_keypoints(predictor.spec, record_set)
    poses, scores = predict_scores(predictor, record_set.records)
    metric = score_pckh if default_metric(record_set) == "pckh" else score_pck
    score = metric(record_set.records, [pose.select(keypoints) for pose in poses], record_set)
    scores = scores[:, keypoints]
    fitting = score.counted & (np.arange(len(poses)) % 2 == 0)[:, None]
    judging = score.counted & ~fitting
    if not (fitting.any() and judging.any()):
        raise ValueError(f"{record_set.path} has too few people whom PCK can judge: two at least")
    return scores[fitting], score.right[fitting], scores[judging], score.right[judging]


def fit_person_score(model: Path, record_set: RecordSet, detector: Detector) -> tuple[PersonScore, str]:
    """Logistic regression on every second image of a set -> the rule, and a line that judges it on the others.

    Its threshold is that of the best F1 over all images, in hundredths.
    """
    runtime = Torch(model)
    runtime.spec = replace(runtime.spec, person_score=PersonScore(bias=0, detection=1, keypoints=1, threshold=0))
    predictor = Predictor(runtime, detector)
    queries = [ImageQuery(path, None) for path in record_set.images.values()]
    found = predict_queries(predictor, queries, _track, min_score=0.0)
    keypoints = shared_keypoints(runtime.spec, record_set)
    selected = [[pose.select(keypoints) for pose in poses] for poses in found]
    matches = match(selected, list(record_set.images), record_set)
    features = np.array(
        [[1.0, *PersonScore.features(pose.detection or 0.0, pose.score)] for poses in found for pose in poses]
    )
    odd = np.array([i % 2 for i, poses in enumerate(found) for _ in poses], bool)
    weights = logistic_regression(features[~odd], matches.right[~odd])
    score = 1 / (1 + np.exp(-features @ weights))
    matches = replace(matches, score=score)
    threshold = max((np.arange(1, 100) / 100).tolist(), key=matches.f1)
    bias, detection, keypoint = (round(float(w), 4) for w in weights)
    rule = PersonScore(bias, detection, keypoint, threshold)
    shown = matches.at(threshold)
    line = (
        f"person score, {rule}, on {record_set.path}: F1 {matches.f1(threshold):.3f}, {shown['covered']:.1f} % of "
        f"{shown['people']} people at {shown['answers']:.2f} answers for each; the other half of the images: "
        f"{reliability_line(score[odd], matches.right[odd])}"
    )
    return rule, line


def logistic_regression(features: Float64, right: Bool) -> Float64:
    """Weights (F,) of features (N, F) under which `right` (N,) is most likely, by Newton's method."""
    weights = np.zeros(features.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-features @ weights))
        curvature = (features * (p * (1 - p))[:, None]).T @ features + 1e-6 * np.eye(len(weights))
        weights -= np.linalg.solve(curvature, features.T @ (p - right))
    return weights


def predict_scores(predictor: Predictor, records: Sequence[Record]) -> tuple[list[Pose], Float64]:
    """-> a pose for each record, and their scores at each of TEMPERATURES (N, K, T)."""
    poses: list[Pose] = []
    scores = []
    batches = [records[start : start + BATCH] for start in range(0, len(records), BATCH)]
    for batch in _track(batches):
        prepared = [predictor.prepare(read_image(r.image_path), r.box_xyxy, predictor.spec.margin) for r in batch]
        maps = predictor.runtime.run(np.stack([pixels for pixels, _ in prepared]))
        poses += predictor.read(maps, [affine for _, affine in prepared], np.array([r.box_xyxy for r in batch]))
        scores.append(peak_scores(maps, predictor.spec.sigma))
    return poses, np.concatenate(scores)


def peak_scores(maps: Float32, sigma: float) -> Float64:
    """The scores of maps (..., h, w), softmax times 2 pi sigma^2, if their logits were divided by each of TEMPERATURES
    -> (..., T).
    """
    flat = np.log(np.maximum(maps.reshape(*maps.shape[:-2], -1).astype(np.float64), 1e-30))
    below = flat - flat.max(axis=-1, keepdims=True)
    scores = [2 * np.pi * sigma**2 / np.exp(below / temperature).sum(axis=-1) for temperature in TEMPERATURES]
    clipped: Float64 = np.minimum(np.stack(scores, axis=-1), 1)
    return clipped


def brier_scores(scores: Float64, right: Bool) -> Float64:
    """The mean squared error of each column of scores (N, T) against what is right (N,) -> (T,)."""
    errors: Float64 = ((scores - right[:, None]) ** 2).mean(axis=0)
    return errors


def _track(work: Sequence[Any]) -> Iterable[Any]:
    console = Console(stderr=True)
    return track(work, console=console, disable=not console.is_terminal, transient=True)


def reliability_line(score: Float64, right: Bool) -> str:
    brier = float(((score - right) ** 2).mean())
    tenths = ", ".join(f"{mean:.2f}: {100 * share:.0f} %" for _, mean, share in reliability(score, right))
    return f"Brier score {brier:.4f}; of each tenth of the scores the mean, and how many are right: {tenths}"


if __name__ == "__main__":
    raise SystemExit(main())
