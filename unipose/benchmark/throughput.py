"""Throughput: images/s of a training's parts, taken in turn in one run, so that a drifting machine slows all alike."""

from collections.abc import Callable, Iterator, Mapping
from itertools import cycle, islice
from time import perf_counter
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import track

from unipose.training.run import Job

K = TypeVar("K")
ROUNDS = 3  # each measure is taken in turn this often


def measure_in_turn(measures: Mapping[K, Callable[[], float]]) -> dict[K, list[float]]:
    """Each measure's values over the rounds; a terminal is shown how far it is."""
    values: dict[K, list[float]] = {name: [] for name in measures}
    console = Console(stderr=True)
    turns = [name for _ in range(ROUNDS) for name in measures]
    for name in track(turns, "measuring", console=console, disable=not console.is_terminal, transient=True):
        values[name].append(measures[name]())
    return values


def loader(job: Job, batches: int) -> float:
    """Images/s of loading alone."""
    source = _endless(job)
    next(source)  # the workers have started
    return _rate(job, batches, lambda: next(source))


def step(job: Job, batches: int) -> float:
    """Images/s of training on one batch, again and again."""
    batch = next(_endless(job))
    job.trainer.epoch([batch], _nothing)
    return _rate(job, batches, lambda: job.trainer.epoch([batch], _nothing))


def both(job: Job, batches: int) -> float:
    """Images/s of training as it is."""
    source = _endless(job)
    job.trainer.epoch(islice(source, 1), _nothing)
    return _rate(job, batches, lambda: job.trainer.epoch(islice(source, 1), _nothing))


def _endless(job: Job) -> Iterator[Any]:
    for job.batches.epoch in cycle(range(1 << 20)):
        yield from job.loader


def _rate(job: Job, batches: int, once: Callable[[], object]) -> float:
    began = perf_counter()
    for _ in range(batches):
        once()
    return batches * job.batches.batch_size * job.dataset.frames / (perf_counter() - began)


def _nothing(loss: float, images: int) -> None:
    pass
