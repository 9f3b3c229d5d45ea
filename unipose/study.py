"""`unipose study [config.yaml] [section.key=value ...]`: the residual designs on pose at equal parameters."""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch

from unipose.checkpoint import build_network, load_model
from unipose.compose import configure
from unipose.config import Config
from unipose.model.cost import cost, parameters

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


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="unipose study", description=__doc__)
    parser.add_argument("config", nargs="*", help="as `unipose train` takes them; the trunk is the study's")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_intermixed_args(argv)
    try:
        print(study(configure(arguments.config), arguments.config, arguments.seeds))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def study(config: Config, words: list[str], seeds: int) -> str:
    """Train every design with every seed, in processes of their own, and return the table, also written to table.md.

    Seeds go round first, so that an interrupted study has compared all designs; a run that is complete is not repeated,
    an interrupted one goes on. Raises ValueError where a training fails.
    """
    folder = config.train.run
    for seed in range(seeds):
        for trunk in TRUNKS.values():
            run = folder / f"{trunk}-{seed}"
            if len(_lines(run)) < config.train.epochs:
                own = [f"model.trunk={trunk}", f"train.seed={seed}", f"train.run={run}"]
                resume = ["--resume"] if (run / "last.pt").exists() else []
                command = [sys.executable, "-m", "unipose.train", *words, *own, *resume]
                if subprocess.run(command).returncode:
                    raise ValueError(f"the training in {run} failed; the study goes on from there when started again")
    table = _table(config, seeds)
    (folder / "table.md").write_text(table)
    return table


def _table(config: Config, seeds: int) -> str:
    rows, metric = [], ""
    for design, trunk in TRUNKS.items():
        last = [_lines(config.train.run / f"{trunk}-{seed}")[-1] for seed in range(seeds)]
        if "validation" not in last[0]:
            raise ValueError("the study compares validations: name a data.val=")
        metric = last[0]["metric"]
        scores = [line["validation"] for line in last]
        spread = f"{stdev(scores):.2f}" if seeds > 1 else "one run"
        speed = mean(line["images_per_s"] for line in last)
        size, macs = _cost(config.train.run / f"{trunk}-0")
        rows.append(f"| {design} | {mean(scores):.2f} | {spread} | {seeds} | {size:.2f} | {macs:.2f} | {speed:.0f} |")
    head = f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}\n"
    return head.format(metric=metric) + "\n".join(rows) + "\n"


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
