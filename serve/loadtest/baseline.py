"""Baseline: what the work of a request costs without the service."""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from time import perf_counter, thread_time
from typing import ParamSpec, TypeVar

import numpy as np

from serve.process.worker import load_predictor
from serve.settings import Settings
from unipose.core.image import read_image
from unipose.core.types import Boxes, Float32
from unipose.inference.predictor import Predictor, advance

_SIZES = (1, 2, 4, 8, 16)  # of the batches that the runtime is given
_load = cache(load_predictor)
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Subject:
    """What is measured: an image's bytes with these settings; box_xyxy (N, 4), or None for the detector's people."""

    settings: Settings
    data: bytes
    boxes: Boxes | None

    @property
    def predictor(self) -> Predictor:
        """One, with as many threads as all workers of the service have together."""
        threads = self.settings.threads * self.settings.workers
        return _load(self.settings.model_copy(update={"workers": 1, "threads": threads}))


class Apart:
    """Another process, with nothing else in it, that keeps its model from one call to the next."""

    def __init__(self, pool: ProcessPoolExecutor):
        self._pool = pool

    def run(self, measure: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        return self._pool.submit(measure, *arguments, **options).result()


@contextmanager
def apart() -> Iterator[Apart]:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield Apart(pool)


def passes(subject: Subject) -> int:
    """How many inputs the model gets for one image."""
    return sum(len(inputs) for inputs, _ in _steps(subject))


def direct(subject: Subject, seconds: float) -> list[float]:
    """Seconds for each of a row of images: decode, prepare, run, read."""
    predictor = subject.predictor
    return _timed(lambda: predictor.predict([read_image(subject.data)], [subject.boxes]), seconds)


def around(subject: Subject, seconds: float) -> list[float]:
    """Seconds of a core for what each of a row of images needs besides the model: decode, prepare, read."""
    predictor, answers = subject.predictor, [maps for _, maps in _steps(subject)]

    def once() -> None:
        flow = predictor.flow(read_image(subject.data), subject.boxes)
        for maps in [None, *answers]:
            advance(flow, maps)

    return _timed(once, seconds, thread_time)


def runtime_alone(subject: Subject, seconds: float) -> dict[int, float]:
    """Inputs/s of the model by size of batch; the sizes share the time."""
    runtime = subject.predictor.runtime
    one = _steps(subject)[0][0][:1]
    sizes = sorted({min(size, subject.settings.max_batch) for size in _SIZES})
    rates = {}
    for size in sizes:
        batch = np.repeat(one, size, axis=0)

        def copy(_: int, batch: Float32 = batch) -> float:
            """Batches/s of one of the copies that run at once."""
            times = _timed(lambda: runtime.run(batch), seconds / len(sizes))
            return len(times) / sum(times)

        with ThreadPoolExecutor(runtime.copies) as threads:
            rates[size] = size * sum(threads.map(copy, range(runtime.copies)))
    return rates


def _steps(subject: Subject) -> list[tuple[Float32, Float32]]:
    """The inputs of each look at the image, and their maps."""
    predictor = subject.predictor
    flow = predictor.flow(read_image(subject.data), subject.boxes)
    steps = []
    step = advance(flow, None)
    while isinstance(step, np.ndarray):
        steps.append((step, predictor.runtime.run(step)))
        step = advance(flow, steps[-1][1])
    return steps


def _timed(once: Callable[[], object], seconds: float, clock: Callable[[], float] = perf_counter) -> list[float]:
    """How long each call took, of as many as fit, at least one, after one that is not counted."""
    once()
    times: list[float] = []
    end = perf_counter() + seconds
    while not times or perf_counter() < end:
        began = clock()
        once()
        times.append(clock() - began)
    return times
