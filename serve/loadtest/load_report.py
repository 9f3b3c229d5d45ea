"""LoadReport: the results of a load test as text."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from serve.loadtest.clients import ClientStats
from serve.loadtest.service_process import Usage
from serve.metrics import STAGES

P50_GOAL, RATE_GOAL = 1.2, 0.9
_HEAD = ("clients", "requests/s", "p50 ms", "p95 ms", "p99 ms", "batch", "RSS MB", "peak MB", "clients' CPU", "errors")


@dataclass(frozen=True)
class LoadRound:
    """One round: the times and rates that `baseline` measures; statistics and memory by the number of clients."""

    predict_times: list[float]
    image_times: list[float]
    runtime_rates: dict[int, float]
    stats: dict[int, ClientStats]
    usage: dict[int, Usage]


class LoadReport:
    """`inputs`: of the model for each request. `cores`: shared by everything, None where the model runs elsewhere."""

    def __init__(self, rounds: Sequence[LoadRound], inputs: int, cores: int | None):
        self._rounds = rounds
        self._inputs = inputs
        self._cores = cores
        self._stats = {n: ClientStats.merge([one.stats[n] for one in rounds]) for n in rounds[0].stats}
        self._rates = {n: median(one.runtime_rates[n] for one in rounds) for n in rounds[0].runtime_rates}
        self._best_size = max(self._rates, key=lambda size: self._rates[size])

    @property
    def all_ok(self) -> bool:
        """Whether every response had status 200."""
        return not any(stats.errors for stats in self._stats.values())

    def lines(self) -> Iterator[str]:
        yield from _table(_HEAD, [self._row(clients) for clients in self._stats])
        yield ""
        yield "where the time goes: the stages' mean ms, model for each batch"
        yield from _table(("clients", *STAGES), [self._stage_row(clients) for clients in self._stats])
        yield ""
        yield from self._baselines()
        yield ""
        yield from self._ratios()

    def _row(self, clients: int) -> list[str]:
        stats = self._stats[clients]
        usage = self._rounds[0].usage[clients]  # memory hardly falls: later rounds start with what the first one left
        return [
            str(clients),
            f"{stats.rate:.1f}",
            *_percentiles(stats.latencies),
            f"{stats.mean('unipose_batch_people'):.1f}",
            f"{usage.rss:.0f}",
            f"{usage.peak:.0f}",
            f"{stats.cpu_seconds / stats.seconds:.1%}",
            ", ".join(f"{count} x {status}" for status, count in sorted(stats.errors.items())) or "none",
        ]

    def _stage_row(self, clients: int) -> list[str]:
        means = (self._stats[clients].mean("unipose_stage_seconds", f'{{stage="{stage}"}}') for stage in STAGES)
        return [str(clients), *(f"{1000 * mean:.2f}" for mean in means)]

    def _baselines(self) -> Iterator[str]:
        p50, p95, p99 = _percentiles([seconds for one in self._rounds for seconds in one.predict_times])
        yield f"direct, one image after the other: p50 {p50} ms, p95 {p95} ms, p99 {p99} ms"
        rates = ", ".join(f"{size}: {rate:.1f}" for size, rate in self._rates.items())
        yield f"runtime alone, inputs/s by size of batch: {rates}"
        last = self._rounds[-1].usage[max(self._stats)]
        yield f"the service's memory at the end: {last.rss:.0f} MB, at most {last.peak:.0f} MB"

    def _ratios(self) -> Iterator[str]:
        if 1 in self._stats:
            p50 = self._ratio(lambda one: _median(one.stats[1].latencies) / _median(one.predict_times))
            yield f"p50 at 1 client / direct p50: {p50}; wanted: at most {P50_GOAL}"
        most = max(self._stats)
        rate = self._ratio(lambda one: self._inputs * one.stats[most].rate / one.runtime_rates[self._best_size])
        alone = f"runtime alone in batches of {self._best_size}"
        yield f"inputs/s at {most} clients / {alone}: {rate}; wanted: at least {RATE_GOAL}"
        if self._cores:
            image = _median([seconds for one in self._rounds for seconds in one.image_times])
            model = self._inputs / self._rates[self._best_size]
            yield (
                f"decode, prepare and read take {1000 * image:.2f} ms of one core for each image: on {self._cores}, "
                f"with nothing else to do, {model / (model + image / self._cores):.2f} is the most there can be"
            )

    def _ratio(self, of: Callable[[LoadRound], float]) -> str:
        """The median of the rounds' ratios, with the smallest and the largest."""
        values = [of(one) for one in self._rounds]
        return f"{_median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _median(values: Sequence[float]) -> float:
    return median(values) if values else float("nan")


def _percentiles(seconds: Sequence[float]) -> list[str]:
    """p50, p95 and p99 in milliseconds."""
    if not seconds:
        return ["-"] * 3
    return [f"{1000 * value:.1f}" for value in np.percentile(seconds, (50, 95, 99))]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Right-aligned columns with headings."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        yield "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
