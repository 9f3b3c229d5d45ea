"""A service's resource usage over time: sparklines, a CSV file, and a check for memory growth."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from serve.loadtest.service_process import Usage

# Growth from the second fifth of the time to the last fifth counts where it exceeds both.
GROWTH_RATIO, GROWTH_MB = 1.15, 50.0
WARM_UP_SECONDS = 60.0  # in a shorter test memory always grows
COLUMNS = ("seconds", "rss_mb", "peak_mb", "files", "threads")
_BLOCKS = "▁▂▃▄▅▆▇█"
_WIDTH = 60


@dataclass(frozen=True)
class Sample:
    """The usage `seconds` after the start."""

    seconds: float
    usage: Usage


def memory_growth(samples: Sequence[Sample]) -> tuple[float, float] | None:
    """Median megabytes in the second fifth and in the last fifth, if memory grew between them; else None."""
    fifth = len(samples) // 5
    if not fifth or samples[-1].seconds < WARM_UP_SECONDS:
        return None
    rss = [sample.usage.rss for sample in samples]
    early, late = median(rss[fifth : 2 * fifth]), median(rss[-fifth:])
    return (early, late) if late > max(GROWTH_RATIO * early, GROWTH_MB + early) else None


def sparkline(name: str, values: Sequence[float]) -> str:
    """One line: the values as bars, then the first, smallest, largest and last."""
    least, most = min(values), max(values)
    step = max(1.0, len(values) / _WIDTH)
    shown = [values[int(i * step)] for i in range(int(len(values) / step))]
    scale = (len(_BLOCKS) - 1) / ((most - least) or 1)
    bars = "".join(_BLOCKS[round((value - least) * scale)] for value in shown)
    numbers = f"first {values[0]:.0f}, least {least:.0f}, most {most:.0f}, last {values[-1]:.0f}"
    return f"{name:10}  {bars}  {numbers}"


def is_curve(path: Path) -> bool:
    """Whether a file is an earlier one of `write_csv`."""
    return path.read_bytes().startswith(",".join(COLUMNS).encode())


def write_csv(path: Path, samples: Sequence[Sample]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for sample in samples:
            use = sample.usage
            rows.writerow([round(sample.seconds, 2), round(use.rss, 1), round(use.peak, 1), use.files, use.threads])
