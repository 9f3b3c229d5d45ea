"""Training throughput: images/s of a training's parts, measured in turn, so that a change of machine speed hits all."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle, islice, repeat
from typing import Any, TypeVar

import torch

from unipose.core.timing import call_times
from unipose.pipelines.progress import track
from unipose.training.run import TrainingRun

K = TypeVar("K")
ROUNDS = 3  # each measure is taken once in each


def measure_in_turn(measures: Mapping[K, Callable[[], float]]) -> dict[K, list[float]]:
    """Each measure's values over the rounds, with the progress on the standard error."""
    values: dict[K, list[float]] = {name: [] for name in measures}
    turns = [name for _ in range(ROUNDS) for name in measures]
    for name in track(turns, "measures"):
        values[name].append(measures[name]())
    return values


def loading_rate(run: TrainingRun, batches: int) -> float:
    """Images/s of loading alone."""
    source = _endless(run)

    def load() -> None:
        deque(islice(source, batches), maxlen=0)
        if run.trainer.device.type == "cuda":  # which may still be making them
            torch.cuda.synchronize(run.trainer.device)

    return _rate(run, batches, load)


def step_rate(run: TrainingRun, batches: int) -> float:
    """Images/s of training steps alone, all on one batch."""
    batch = next(_endless(run))
    return _rate(run, batches, lambda: run.trainer.train_epoch(repeat(batch, batches), _ignore))


def training_rate(run: TrainingRun, batches: int) -> float:
    """Images/s of loading and training steps together."""
    source = _endless(run)
    return _rate(run, batches, lambda: run.trainer.train_epoch(islice(source, batches), _ignore))


def _endless(run: TrainingRun) -> Iterator[Any]:
    for run.batch_sampler.epoch in cycle(range(1 << 20)):
        yield from run.loader


def _rate(run: TrainingRun, batches: int, process: Callable[[], object]) -> float:
    images = batches * run.batch_sampler.batch_size * run.dataset.frames
    return images / sum(call_times(process))


def _ignore(loss: float, images: int) -> None:
    pass
