"""Rounds: what a load measured in turn, as text."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from serve.loadtest.clients import Heard
from serve.loadtest.service_process import Usage
from serve.metrics import STAGES

P50_GOAL, RATE_GOAL = 1.2, 0.9
_HEAD = ("clients", "requests/s", "p50 ms", "p95 ms", "p99 ms", "batch", "RSS MB", "peak MB", "clients' CPU", "errors")


@dataclass(frozen=True)
class Round:
    """`direct`, `around` and `runtime` as `baseline` measures them; crowds and memory by the number of clients."""

    direct: list[float]
    around: list[float]
    runtime: dict[int, float]
    heard: dict[int, Heard]
    usage: dict[int, Usage]


class Rounds:
    """`passes`: inputs of the model for each request. `cores`: what all shared, None where the model ran elsewhere."""

    def __init__(self, rounds: Sequence[Round], passes: int, cores: int | None):
        self._rounds = rounds
        self._passes = passes
        self._cores = cores
        self._crowds = {n: Heard.together([one.heard[n] for one in rounds]) for n in rounds[0].heard}
        self._rates = {size: median(one.runtime[size] for one in rounds) for size in rounds[0].runtime}
        self._best = max(self._rates, key=lambda size: self._rates[size])

    @property
    def faultless(self) -> bool:
        """Whether each request was answered with 200."""
        return not any(heard.others for heard in self._crowds.values())

    def lines(self) -> Iterator[str]:
        yield from _table(_HEAD, [self._row(clients) for clients in self._crowds])
        yield ""
        yield "where the time goes: the stages' mean ms, model for each batch"
        yield from _table(("clients", *STAGES), [self._stages(clients) for clients in self._crowds])
        yield ""
        yield from self._baselines()
        yield ""
        yield from self._ratios()

    def _row(self, clients: int) -> list[str]:
        heard = self._crowds[clients]
        usage = self._rounds[0].usage[clients]  # memory hardly falls: later rounds begin with that of most clients
        return [
            str(clients),
            f"{heard.rate:.1f}",
            *_percentiles(heard.latencies),
            f"{heard.mean('unipose_batch_people'):.1f}",
            f"{usage.rss:.0f}",
            f"{usage.peak:.0f}",
            f"{heard.cpu / heard.seconds:.1%}",
            ", ".join(f"{count} x {status}" for status, count in sorted(heard.others.items())) or "none",
        ]

    def _stages(self, clients: int) -> list[str]:
        means = (self._crowds[clients].mean("unipose_stage_seconds", f'{{stage="{stage}"}}') for stage in STAGES)
        return [str(clients), *(f"{1000 * mean:.2f}" for mean in means)]

    def _baselines(self) -> Iterator[str]:
        p50, p95, p99 = _percentiles([seconds for one in self._rounds for seconds in one.direct])
        yield f"direct, one image after the other: p50 {p50} ms, p95 {p95} ms, p99 {p99} ms"
        rates = ", ".join(f"{size}: {rate:.1f}" for size, rate in self._rates.items())
        yield f"runtime alone, inputs/s by size of batch: {rates}"
        last = self._rounds[-1].usage[max(self._crowds)]
        yield f"the service's memory at the end: {last.rss:.0f} MB, at most {last.peak:.0f} MB"

    def _ratios(self) -> Iterator[str]:
        if 1 in self._crowds:
            p50 = self._ratio(lambda one: _middle(one.heard[1].latencies) / _middle(one.direct))
            yield f"p50 at 1 client / direct p50: {p50}; wanted: at most {P50_GOAL}"
        most = max(self._crowds)
        rate = self._ratio(lambda one: self._passes * one.heard[most].rate / one.runtime[self._best])
        alone = f"runtime alone in batches of {self._best}"
        yield f"inputs/s at {most} clients / {alone}: {rate}; wanted: at least {RATE_GOAL}"
        if self._cores:
            around = _middle([seconds for one in self._rounds for seconds in one.around])
            model = self._passes / self._rates[self._best]
            yield (
                f"decode, prepare and read take {1000 * around:.2f} ms of one core for each image: on {self._cores}, "
                f"with nothing else to do, {model / (model + around / self._cores):.2f} is the most there can be"
            )

    def _ratio(self, of: Callable[[Round], float]) -> str:
        """The middle one of the rounds' ratios, with the least and the most."""
        values = [of(one) for one in self._rounds]
        return f"{_middle(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _middle(values: Sequence[float]) -> float:
    return median(values) if values else float("nan")


def _percentiles(seconds: Sequence[float]) -> list[str]:
    """p50, p95 and p99 in milliseconds."""
    if not seconds:
        return ["-"] * 3
    return [f"{1000 * value:.1f}" for value in np.percentile(seconds, (50, 95, 99))]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns under their heads, all at the right edge."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        yield "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
