"""`unipose bench train | infer | photo | device | calm`: how fast this machine trains and finds poses; what smoothing
does.
"""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from unipose.benchmark.device import Measured, measure_device
from unipose.benchmark.peers import Candidate, matmul_flops, median_time, model_candidates, peer_candidates
from unipose.benchmark.photograph import PARTS, photograph_calls
from unipose.benchmark.throughput import loading_rate, measure_in_turn, step_rate, training_rate
from unipose.cli import exit_status
from unipose.core.arguments import Parser, size
from unipose.core.hardware import cores
from unipose.core.image import encode_image, open_image
from unipose.core.metrics import pck
from unipose.core.picture import Picture
from unipose.core.ranges import within
from unipose.core.types import Float64
from unipose.datasets.records import RecordSet, clips, read_records
from unipose.datasets.synthetic.images import draw_image, draw_sample
from unipose.evaluation.jitter import MOVING, STILL, acceleration, lag, smoothed, speed
from unipose.evaluation.predictions import ImageQuery, predict_queries
from unipose.inference.predictor import Predictor
from unipose.runtime.engines import open_runtime
from unipose.runtime.runtime import Runtime
from unipose.tracking.one_euro import OneEuro
from unipose.training import distributed
from unipose.training.build import build_run
from unipose.training.config import Config, DataConfig
from unipose.training.configuration import configure
from unipose.training.sets import read_data
from unipose.weights import MODEL_HELP, default_weights, named_model

PHOTO_WH = (640, 480)
FORMS = (named_model("fp32"), named_model("int8"))


def main(argv: list[str] | None = None) -> int:
    parser = Parser(prog="unipose bench", description=__doc__)
    verbs = parser.add_subparsers(dest="what", required=True)
    train = verbs.add_parser("train", help="images/s of loader, training step and both, as ratios in one run")
    train.add_argument("config", nargs="*", help="as `unipose train` takes them; without data: drawn 640x480 JPEGs")
    train.add_argument("--batches", type=int, default=12, help="batches in each of the rounds")
    infer = verbs.add_parser("infer", help="ms per person of a model on every engine, and of the peers' architectures")
    infer.add_argument("--weights", type=Path, default=default_weights(), help="its .safetensors file, for PyTorch")
    infer.add_argument("--exported", type=named_model, default="fp32", help="its .onnx file")
    infer.add_argument("--int8", type=named_model, help="the same, quantized: a file, or int8")
    infer.add_argument("--no-peers", action="store_true", help="leave the peers out, which take minutes")
    photo = verbs.add_parser("photo", help="ms of a photograph by its people, and of finding and posing them alone")
    photo.add_argument("image", nargs="?", type=Path, help="any; by default a drawn one")
    photo.add_argument(
        "--size", dest="size_wh", type=size, default=PHOTO_WH, metavar="WIDTHxHEIGHT", help="of the drawn one (640x480)"
    )
    photo.add_argument("--models", nargs="+", type=named_model, default=FORMS, help=MODEL_HELP)
    photo.add_argument("--people", nargs="+", type=int, default=[1, 3, 10], metavar="N", help="default 1 3 10")
    device = verbs.add_parser(
        "device", help="what a device can do, and what share of it the runtime and training reach"
    )
    device.add_argument("config", nargs="*", help="the network, as `unipose train` takes it; without data: drawn JPEGs")
    device.add_argument("--device", default="auto", help="cuda, cuda:N or cpu (default: a GPU if there is one)")
    device.add_argument("--batches", nargs="+", type=int, default=[1, 8, 64, 256], metavar="N", help="1 8 64 256")
    device.add_argument("--seconds", type=float, default=0.5, help="for each measure in each of the rounds (0.5)")
    device.add_argument("--compile", action="store_true", help="the forward pass by torch.compile, and no training")
    jitter = verbs.add_parser("calm", help="what smoothing does to labelled clips: trembling, lag and PCK")
    jitter.add_argument("sets", nargs="+", type=Path, metavar="SET.json", help="clips with a person in each frame")
    jitter.add_argument("--model", type=named_model, default="default", help=MODEL_HELP)
    jitter.add_argument("--rate", type=float, default=25.0, help="frames per second (default 25)")
    a = parser.parse_args(argv)
    actions = {
        "train": lambda: bench_train(configure(a.config), a.batches),
        "infer": lambda: bench_infer(
            [*model_candidates(a.weights, a.exported, a.int8), *([] if a.no_peers else peer_candidates())]
        ),
        "photo": lambda: bench_photo(a.image, a.size_wh, a.models, a.people),
        "device": lambda: bench_device(configure(a.config), a.device, a.batches, a.seconds, a.compile),
        "calm": lambda: bench_jitter(a.sets, open_runtime(a.model), a.rate),
    }
    return exit_status(actions[a.what])


def bench_train(config: Config, batches: int) -> None:
    """Print images/s of the loader alone, the training step alone, and both together."""
    within("--batches", batches, 1)
    console = _console()
    with tempfile.TemporaryDirectory() as folder, distributed.process_group(config.train.device) as device:
        if not config.data.train:
            count = 10 * config.train.batch_size
            train, _ = draw_sample(Path(folder), count, seed=0, size_wh=PHOTO_WH, figures=(1,))
            config = replace(config, data=DataConfig(train=(train,)))
        training, _ = read_data(config.data, Path(folder), console)
        run = build_run(config, training, None, device)
        parts = {"loader alone": loading_rate, "step alone": step_rate, "both": training_rate}
        measured = measure_in_turn({name: partial(part, run, batches) for name, part in parts.items()})
    rates = {name: median(values) for name, values in measured.items()}
    width, height = config.model.input_wh
    workers = max(1, config.train.workers)
    out = Table(title=f"{config.model.trunk} at {width}x{height}, batches of {config.train.batch_size}, {device.type}")
    out.add_column("")
    for column in ("images/s", "min", "max"):
        out.add_column(column, justify="right")
    for name, values in measured.items():
        out.add_row(name, *(f"{value:.1f}" for value in (rates[name], min(values), max(values))))
    out.caption = (
        f"loader: {rates['loader alone'] / workers:.0f} images/s per worker ({workers})\n"
        f"both / step alone: {rates['both'] / rates['step alone']:.2f}"
    )
    console.print(out)


def bench_infer(candidates: Sequence[Candidate]) -> None:
    """Print milliseconds per person, people/s and the share of a matrix product's FLOP/s, all measured in turn."""
    dtypes = {"fp32": torch.float32, "bf16": torch.bfloat16}
    measures = {f"peak {name}": partial(matmul_flops, dtype) for name, dtype in dtypes.items()}
    calls = {(i, batch): partial(c.run, batch) for i, c in enumerate(candidates) for batch in (1, 8)}
    values = measure_in_turn({**measures, **{key: partial(median_time, call) for key, call in calls.items()}})
    peaks = {name: median(values[f"peak {name}"]) for name in dtypes}
    out = Table(title=", ".join(f"matrix product {name}: {value / 1e9:.0f} GFLOP/s" for name, value in peaks.items()))
    for column in ("network", "engine", "", "GFLOP", "ms, one", "ms each of 8", "people/s", "GFLOP/s", "of the peak"):
        out.add_column(column, justify="left" if column in ("network", "engine", "") else "right")
    for i, c in enumerate(candidates):
        one, eight = (median(values[i, batch]) / batch for batch in (1, 8))
        speed = c.flops / eight
        share = f"{speed / peaks[c.precision]:.0%}" if c.precision in peaks else ""
        cells = (c.flops / 1e9, 1000 * one, 1000 * eight, 1 / eight, speed / 1e9)
        out.add_row(c.name, c.engine, c.precision, *(f"{cell:.1f}" for cell in cells), share)
    _console().print(out)


def bench_photo(path: Path | None, size_wh: tuple[int, int], models: Sequence[Path], people: Sequence[int]) -> None:
    """Print milliseconds of a photograph with so many people, and of its parts alone, all measured in turn.

    Without a file it is a JPEG, drawn in this size.
    """
    opened = open_image(path or encode_image(draw_image(np.random.default_rng(0), size_wh)[0]))
    calls = {(model, n): photograph_calls(model, opened.data, n) for model in models for n in people}
    values = measure_in_turn(
        {(*key, part): partial(median_time, call[part]) for key, call in calls.items() for part in PARTS}
    )
    width, height = Picture(opened).image_wh
    out = Table(title=f"a photograph of {width}x{height} pixels, {cores()} cores, ms")
    shares = ("whole / (finder + poses)", f"times that of {people[0]}")
    for column in ("model", "people", *PARTS, *shares):
        out.add_column(column, justify="left" if column == "model" else "right")
    for model, n in calls:
        parts = {part: median(values[model, n, part]) for part in PARTS}
        whole, finder, poses = (parts[part] for part in PARTS[:3])
        first = median(values[model, people[0], PARTS[0]])
        cells = [f"{1000 * seconds:.1f}" for seconds in parts.values()]
        out.add_row(model.name, str(n), *cells, f"{whole / (finder + poses):.2f}", f"{whole / first:.2f}")
    _console().print(out)


def bench_device(config: Config, name: str, batches: Sequence[int], seconds: float, compiled: bool) -> None:
    """Print a device's peaks, and what of them a network's forward pass, runtime and training reach, all in turn."""
    for batch in batches:
        within("--batches", batch, 1)
    within("--seconds", seconds, 0)
    with tempfile.TemporaryDirectory() as folder, distributed.process_group(name) as device:
        report = measure_device(config, device, Path(folder), batches, seconds, compiled)
        card = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    units = (1e12, "TFLOP/s"), (1e12, "TFLOP/s"), (1e9, "GB/s"), (1e9, "GB/s"), (1.0, "images/s of 640x480")
    peaks = Table(title=f"{card}, {cores()} cores: what it can do")
    peaks.add_column("")
    peaks.add_column("", justify="right")
    for (what, value), (unit, unit_name) in zip(report.ceilings.items(), units, strict=True):
        peaks.add_row(what, f"{value / unit:,.2f} {unit_name}")
    out = Table(title=f"{report.network}, {report.precision}")
    for column in ("", "batch", "a second", "of the peak", "of what allows least"):
        out.add_column(column, justify="right" if column else "left")
    for row in report.measured:
        out.add_row(row.name, str(row.batch), f"{row.rate:,.1f}", *shares(row, report.share(row)))
    _console().print(peaks, out)


def shares(row: Measured, of_peak: float) -> tuple[str, str]:
    limit = "{}: {:.0%}".format(*row.bottleneck) if row.allowed else ""
    return f"{of_peak:.1%}" if row.flops else "", limit


def bench_jitter(paths: Sequence[Path], runtime: Runtime, rate: float) -> None:
    """Print PCK@0.2, the acceleration of keypoints at rest and the lag of those in motion, for each set, of the model's
    poses in the annotated boxes, frame by frame and smoothed.
    """
    within("--rate", rate, 0, above=True)
    out = Table(title=f"{runtime.spec.name}, {OneEuro()}")
    for column in ("set", "", "PCK@0.2", "at rest: acceleration, % of the body", "in motion: lag, frames"):
        out.add_column(column, justify="left" if column in ("set", "") else "right")
    for path in paths:
        before, after = jitter_rows(read_records(path), runtime, rate)
        for name, row in (("each frame", before), ("smoothed", after)):
            out.add_row(str(path), name, *(f"{value:.2f}" for value in row))
        out.add_row(str(path), "acceleration left", "", f"{after[1] / before[1]:.2f}", "")
    _console().print(out)


def jitter_rows(record_set: RecordSet, runtime: Runtime, rate: float) -> tuple[Float64, Float64]:
    """PCK, acceleration and lag, each a mean over the clips, before and after smoothing: (3,) twice."""
    predictor, skeleton = Predictor(runtime), runtime.spec.skeleton
    names = record_set.skeleton.keypoints
    shared = [names.index(name) if name in names else -1 for name in skeleton.keypoints]
    rows: list[list[list[float]]] = []
    for clip in clips(record_set.records):
        poses = [
            pose for [pose] in predict_queries(predictor, [ImageQuery(r.image_path, r.box_xyxy[None]) for r in clip])
        ]
        truth = np.array([r.xy_image[shared] for r in clip])
        counted = np.array([r.labelled[shared] for r in clip]) & (np.array(shared) >= 0)
        size = float(np.median([max(r.box_xyxy[2:] - r.box_xyxy[:2]) for r in clip]))
        xy, score = np.array([p.xy_image for p in poses], np.float64), np.array([p.score for p in poses], np.float64)
        fast = speed(truth, size, rate)
        rows.append(
            [
                [
                    100 * pck(found, truth, counted, skeleton).mean,
                    acceleration(found, counted & (fast < STILL), size),
                    lag(found, truth, counted & (fast > MOVING)),
                ]
                for found in (xy, smoothed(xy, score, size, rate, OneEuro()))
            ]
        )
    before, after = np.nanmean(np.array(rows), axis=0)
    return before, after


def _console() -> Console:
    """Standard output, with lines of 160 characters where there is no terminal to fit them into."""
    return Console(width=None if sys.stdout.isatty() else 160)


if __name__ == "__main__":
    raise SystemExit(main())
