"""Variants of a training, several seeds of each: where their runs are, and the table of their means and spreads."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean, stdev

from unipose.training.run_log import LogLine

TABLE = "table.md"
VARIANT = "variant"  # the first column of every table
SCORE = ("{metric}, mean", "standard deviation", "runs")  # what the cells of `score_cells` are


def run_folder(root: Path, name: str, seed: int) -> Path:
    """The folder of a variant's run with a seed."""
    return root / f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}-{seed}"


def score_cells(last_lines: Sequence[LogLine]) -> list[str]:
    """Mean, spread and number of the runs whose logs end in these lines."""
    scores = [line["validation"] for line in last_lines]
    spread = f"{stdev(scores):.2f}" if len(scores) > 1 else "one run"
    return [f"{mean(scores):.2f}", spread, str(len(scores))]


def is_table(path: Path) -> bool:
    """Whether a file is an earlier table of variants."""
    return path.read_bytes().startswith(f"| {VARIANT} | ".encode())


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
