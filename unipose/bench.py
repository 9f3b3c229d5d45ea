"""`unipose bench train [config.yaml] [section.key=value ...]`: how fast this machine trains, as ratios in one run."""

import argparse
import sys
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from unipose import processes
from unipose.compose import compose, configure, read_data
from unipose.config import Config, DataConfig
from unipose.sample import draw_sample
from unipose.throughput import both, loader, measure_in_turn, step

PHOTO_WH = (640, 480)


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
        parts = {"loader alone": loader, "step alone": step, "both": both}
        speeds = measure_in_turn({name: partial(part, job, batches) for name, part in parts.items()})
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


if __name__ == "__main__":
    raise SystemExit(main())
