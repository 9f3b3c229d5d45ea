"""`unipose study [config.yaml] [section.key=value ...]`: the residual designs on pose at equal parameters."""

import argparse
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import torch
from rich.console import Console

from unipose import processes
from unipose.checkpoint import build_network, load_model
from unipose.compose import compose, configure, read_data
from unipose.config import Config
from unipose.model.cost import cost, parameters
from unipose.throughput import measure_in_turn, step

TRUNKS = {
    "ResNet": "small_resnet",
    "ResNetV2, full pre-activation": "small_resnetv2",
    "WRN": "small_wrn",
    "ResNeXt": "small_resnext",
    "Res2Net": "small_res2net",
    "HO-ResNet, midpoint": "small_ho_midpoint",
    "HO-ResNet, RK4": "small_ho_rk4",
}
COLUMNS = ("design", "{metric}, mean", "standard deviation", "runs", "parameters M", "GMAC", "training images/s")
BATCHES = 12  # of each round in which the designs' training steps are timed


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="unipose study", description=__doc__)
    parser.add_argument("config", nargs="*", help="as `unipose train` takes them; the trunk is the study's")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1, help="trainings at once; mind train.threads, of each of them")
    arguments = parser.parse_intermixed_args(argv)
    try:
        print(study(configure(arguments.config), arguments.config, arguments.seeds, arguments.jobs))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def study(config: Config, words: list[str], seeds: int, jobs: int = 1) -> str:
    """Train every design with every seed, in processes of their own, and return the table, also written to table.md.

    Seeds go round first, so that an interrupted study has compared all designs; a run that is complete is not repeated,
    an interrupted one goes on. At the end the designs' training steps are timed in turn. Raises ValueError where a
    training fails.
    """
    if config.data.val is None and config.data.train:
        raise ValueError("the study compares validations: name a data.val=")
    runs = [(trunk, seed) for seed in range(seeds) for trunk in TRUNKS.values()]
    with ThreadPoolExecutor(jobs) as pool:  # whose threads only wait for the trainings
        trainings = [pool.submit(_train, config, words, trunk, seed) for trunk, seed in runs]
        try:
            for training in trainings:
                training.result()
        except ValueError:
            pool.shutdown(cancel_futures=True)
            raise
    table = _table(config, seeds, _speeds(config))
    (config.train.run / "table.md").write_text(table)
    return table


def _train(config: Config, words: list[str], trunk: str, seed: int) -> None:
    run = _run(config, trunk, seed)
    if len(_lines(run)) >= config.train.epochs:
        return
    own = [f"model.trunk={trunk}", f"train.seed={seed}", f"train.run={run}"]
    resume = ["--resume"] if (run / "last.pt").exists() else []
    if subprocess.run([sys.executable, "-m", "unipose.train", *words, *own, *resume]).returncode:
        raise ValueError(f"the training in {run} failed; the study goes on from there when started again")


def _speeds(config: Config) -> dict[str, float]:
    """Images/s of each design's training step, alone on this machine."""
    with processes.joined(config.train.device) as device:
        jobs = {}
        for trunk in TRUNKS.values():
            own = replace(config, model=replace(config.model, trunk=trunk))
            training, _ = read_data(own.data, _run(config, trunk, 0) / "data", Console())
            jobs[trunk] = compose(own, training, None, device)
        speeds = measure_in_turn({trunk: partial(step, job, BATCHES) for trunk, job in jobs.items()})
    return {trunk: median(values) for trunk, values in speeds.items()}


def _table(config: Config, seeds: int, speeds: dict[str, float]) -> str:
    rows, metric = [], ""
    for design, trunk in TRUNKS.items():
        last = [_lines(_run(config, trunk, seed))[-1] for seed in range(seeds)]
        metric = last[0]["metric"]
        scores = [line["validation"] for line in last]
        spread = f"{stdev(scores):.2f}" if seeds > 1 else "one run"
        size, macs = _cost(_run(config, trunk, 0))
        rows.append(
            f"| {design} | {mean(scores):.2f} | {spread} | {seeds} | {size:.2f} | {macs:.2f} | {speeds[trunk]:.0f} |"
        )
    head = f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}\n"
    return head.format(metric=metric) + "\n".join(rows) + "\n"


def _run(config: Config, trunk: str, seed: int) -> Path:
    return config.train.run / f"{trunk}-{seed}"


def _cost(run: Path) -> tuple[float, float]:
    """Parameters in millions and GMAC of the whole network."""
    _, spec = load_model(run / "last.safetensors")
    with torch.device("meta"):
        network = build_network(spec)
    macs, _ = cost(network, spec.input_wh)
    return parameters(network) / 1e6, macs / 1e9


def _lines(run: Path) -> list[dict[str, Any]]:
    path = run / "log.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


if __name__ == "__main__":
    raise SystemExit(main())
