"""`unipose calibrate MODEL.safetensors OUT.safetensors --data SET.json`: scores as probabilities of being right."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from unipose.cli import exit_status
from unipose.core.image import read_image
from unipose.core.metrics import reliability
from unipose.core.pose import Pose
from unipose.core.types import Bool, Float32, Float64
from unipose.datasets.records import Record, RecordSet, read_records
from unipose.evaluation.summary import default_metric, score_pck, score_pckh
from unipose.inference.predictor import Predictor
from unipose.modeling.checkpoint import read_model, save_model
from unipose.runtime.engines import Torch

TEMPERATURES = 1.02 ** np.arange(-55, 56)
BATCH = 16
LAST = "decoder.maps."  # the convolution whose output is the logits


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="unipose calibrate", description=__doc__)
    parser.add_argument("model", type=Path, help="a .safetensors file, as `unipose train` writes it")
    parser.add_argument("out", type=Path, help="the .safetensors file to write")
    parser.add_argument("--data", type=Path, required=True, help="a COCO-keypoint JSON that it was not trained on")
    arguments = parser.parse_args(argv)
    return exit_status(lambda: print(calibrate(arguments.model, arguments.out, read_records(arguments.data))))


def calibrate(model: Path, out: Path, record_set: RecordSet) -> str:
    """Write the model with its logits divided by a temperature (Guo et al., On calibration of modern neural networks,
    ICML 2017) -> lines that say what it changed.

    Keypoints stay where they are: the maps' logarithms are scaled, which moves no peak of a parabola. The temperature
    is fitted on every second person, in annotated boxes without flip test, and judged on the others. Raises ValueError
    for a model without softmax or with a recurrent state, and if there are too few people.
    """
    weights, spec = read_model(model)
    if spec.network["activation"] != "softmax" or spec.state_channels:
        raise ValueError(f"{model} is not a network of single frames trained with a cross-entropy")
    poses, scores = predict_scores(Predictor(Torch(model)), record_set.records)
    metric = score_pckh if default_metric(record_set) == "pckh" else score_pck
    score = metric(record_set.records, poses, record_set)
    fitting = score.counted & (np.arange(len(poses)) % 2 == 0)[:, None]
    judging = score.counted & ~fitting
    if not (fitting.any() and judging.any()):
        raise ValueError(f"{record_set.path} has too few people whom PCK can judge: two at least")
    chosen = best_column(scores[fitting], score.right[fitting])
    temperature = float(TEMPERATURES[chosen])
    scaled = {name: tensor / temperature if name.startswith(LAST) else tensor for name, tensor in weights.items()}
    provenance = {**spec.provenance, "temperature": spec.provenance.get("temperature", 1.0) * temperature}
    save_model(out, scaled, replace(spec, provenance=provenance), weights[f"{LAST}weight"].dtype)
    lines = [f"temperature {temperature:.2f}, fitted on {fitting.sum()} keypoints; the other {judging.sum()}:"]
    for when, i in (("before", TEMPERATURES.tolist().index(1.0)), ("after", chosen)):
        lines.append(f"{when}: {reliability_line(scores[judging][:, i], score.right[judging])}")
    return "\n".join(lines)


def predict_scores(predictor: Predictor, records: Sequence[Record]) -> tuple[list[Pose], Float64]:
    """-> a pose for each record, and their scores at each of TEMPERATURES (N, K, T)."""
    poses: list[Pose] = []
    scores = []
    batches = [records[start : start + BATCH] for start in range(0, len(records), BATCH)]
    for batch in track(batches, console=Console(stderr=True), transient=True):
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


def best_column(scores: Float64, right: Bool) -> int:
    """The column of scores (N, T) with the least Brier score, the mean squared error, against what is right (N,)."""
    return int(((scores - right[:, None]) ** 2).mean(axis=0).argmin())


def reliability_line(score: Float64, right: Bool) -> str:
    brier = float(((score - right) ** 2).mean())
    tenths = ", ".join(f"{mean:.2f}: {100 * share:.0f} %" for _, mean, share in reliability(score, right))
    return f"Brier score {brier:.4f}; of each tenth of the scores the mean, and how many are right: {tenths}"


if __name__ == "__main__":
    raise SystemExit(main())
