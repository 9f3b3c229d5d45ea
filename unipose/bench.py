"""`unipose bench train [config.yaml] [section.key=value ...]`: how fast this machine trains, as ratios in one run."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.table import Table

from unipose import processes
from unipose.compose import compose, configure, read_data
from unipose.config import Config, DataConfig
from unipose.job import Job
from unipose.sample import draw_sample

PHOTO_WH = (640, 480)
ROUNDS = 3  # each measure is taken in turn this often, so that a drifting machine slows all of them


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="unipose bench", description=__doc__)
    parser.add_argument("what", choices=("train",))
    parser.add_argument("config", nargs="*", help="as `unipose train` takes them; without data: drawn 640x480 JPEGs")
    parser.add_argument("--batches", type=int, default=12, help="batches in each of the rounds")
    arguments = parser.parse_intermixed_args(argv)
    try:
        bench_train(configure(arguments.config), arguments.batches)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def bench_train(config: Config, batches: int) -> None:
    """Print images/s of the loader alone, the step alone, and both together."""
    console = Console()
    with tempfile.TemporaryDirectory() as folder, processes.joined(config.train.device) as device:
        if not config.data.train:
            train, _ = draw_sample(Path(folder), count=10 * config.train.batch_size, seed=0, size_wh=PHOTO_WH)
            config = replace(config, data=DataConfig(train=(train,)))
        training, _ = read_data(config.data, Path(folder), console)
        job = compose(config, training, None, device)
        measures = {"loader alone": _loader, "step alone": _step, "both": _both}
        speeds: dict[str, list[float]] = {name: [] for name in measures}
        for _ in range(ROUNDS):
            for name, measure in measures.items():
                speeds[name].append(measure(job, batches))
    rates = {name: median(values) for name, values in speeds.items()}
    width, height = config.model.input_wh
    workers = max(1, config.train.workers)
    out = Table(title=f"{config.model.trunk} at {width}x{height}, batches of {job.batches.batch_size}, {device.type}")
    out.add_column("")
    for column in ("images/s", "min", "max"):
        out.add_column(column, justify="right")
    for name, values in speeds.items():
        out.add_row(name, *(f"{value:.1f}" for value in (rates[name], min(values), max(values))))
    out.caption = (
        f"loader: {rates['loader alone'] / workers:.0f} images/s per worker ({workers})\n"
        f"both / step alone: {rates['both'] / rates['step alone']:.2f}"
    )
    console.print(out)


def _endless(job: Job) -> Iterator[Any]:
    for job.batches.epoch in cycle(range(1 << 20)):
        yield from job.loader


def _loader(job: Job, batches: int) -> float:
    source = _endless(job)
    next(source)  # the workers have started
    return _rate(job, batches, lambda: next(source))


def _step(job: Job, batches: int) -> float:
    batch = next(_endless(job))
    job.trainer.epoch([batch], _nothing)
    return _rate(job, batches, lambda: job.trainer.epoch([batch], _nothing))


def _both(job: Job, batches: int) -> float:
    source = _endless(job)
    job.trainer.epoch(islice(source, 1), _nothing)
    return _rate(job, batches, lambda: job.trainer.epoch(islice(source, 1), _nothing))


def _rate(job: Job, batches: int, once: Callable[[], object]) -> float:
    began = perf_counter()
    for _ in range(batches):
        once()
    return batches * job.batches.batch_size / (perf_counter() - began)


def _nothing(loss: float, images: int) -> None:
    pass


if __name__ == "__main__":
    raise SystemExit(main())
