"""Baseline: what the work of a request costs without the service."""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from time import process_time
from typing import ParamSpec, TypeVar

import numpy as np

from serve.process.worker import load_predictor
from serve.settings import Settings
from unipose.core.heatmap import Peaks
from unipose.core.image_input import to_picture
from unipose.core.timing import call_times
from unipose.core.types import RGB, Boxes
from unipose.inference.flow import advance
from unipose.inference.predictor import Predictor

_BATCH_SIZES = (1, 2, 4, 8, 16)
_load = cache(load_predictor)
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Workload:
    """The work of every request: an image file's bytes, and box_xyxy (N, 4) or None for the detector's people."""

    settings: Settings
    data: bytes
    boxes: Boxes | None

    @property
    def predictor(self) -> Predictor:
        """One, with as many threads as all workers of the service have together."""
        threads = self.settings.threads * self.settings.workers
        return _load(self.settings.model_copy(update={"workers": 1, "threads": threads}))


class SeparateProcess:
    """A process that runs nothing but the calls it is given, and keeps the loaded model between them."""

    def __init__(self, pool: ProcessPoolExecutor):
        self._pool = pool

    def run(self, call: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        return self._pool.submit(call, *arguments, **options).result()


@contextmanager
def separate_process() -> Iterator[SeparateProcess]:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield SeparateProcess(pool)


def count_inputs(workload: Workload) -> int:
    """How many inputs the model gets for one image."""
    return sum(len(inputs) for inputs, _ in _steps(workload))


def predict_times(workload: Workload, seconds: float) -> list[float]:
    """Seconds for each image, one after the other: decode, crop, find, read."""
    predictor = workload.predictor
    return call_times(lambda: predictor.predict([workload.data], [workload.boxes]), seconds=seconds)


def image_times(workload: Workload, seconds: float) -> list[float]:
    """CPU seconds for each image, of all threads, of everything but the model: decode, crop, read."""
    predictor, answers = workload.predictor, [peaks for _, peaks in _steps(workload)]

    def process() -> None:
        flow = predictor.flow(to_picture(workload.data), workload.boxes)
        for peaks in [None, *answers]:
            advance(flow, peaks)

    return call_times(process, seconds=seconds, clock=process_time)


def runtime_rates(workload: Workload, seconds: float) -> dict[int, float]:
    """Inputs/s of the model, from crops to keypoints, by batch size; the sizes share the time."""
    predictor = workload.predictor
    single = _steps(workload)[0][0][:1]
    sizes = sorted({min(size, workload.settings.max_batch) for size in _BATCH_SIZES})
    rates = {}
    for size in sizes:
        batch = np.repeat(single, size, axis=0)

        def batch_rate(_: int, batch: RGB = batch) -> float:
            """Batches/s of one of the model's copies, all of which run at the same time."""
            times = call_times(lambda: predictor.find(batch), seconds=seconds / len(sizes))
            return len(times) / sum(times)

        with ThreadPoolExecutor(predictor.runtime.copies) as threads:
            rates[size] = size * sum(threads.map(batch_rate, range(predictor.runtime.copies)))
    return rates


def _steps(workload: Workload) -> list[tuple[RGB, Peaks]]:
    """The crops of one image, and the keypoints found in them, step by step."""
    predictor = workload.predictor
    flow = predictor.flow(to_picture(workload.data), workload.boxes)
    steps = []
    step = advance(flow, None)
    while isinstance(step, np.ndarray):
        steps.append((step, predictor.find(step)))
        step = advance(flow, steps[-1][1])
    return steps
