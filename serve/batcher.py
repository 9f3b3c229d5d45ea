"""Batcher: batches the people of all requests for the model, up to `max_batch` at a time."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from serve.metrics import Metrics
from unipose.core.heatmap import Peaks
from unipose.core.types import RGB


@dataclass(eq=False)
class Request:
    """One request's crops (n, H, W, 3) in the queue, and the future of their keypoints."""

    crops: RGB
    peaks: "asyncio.Future[Peaks]"
    queued_at: float = field(default_factory=perf_counter)
    taken: int = 0
    """How many of the crops are in a batch already."""
    found: dict[int, Peaks] = field(default_factory=dict)
    """By the first crop of each part that has been run."""

    @property
    def waiting(self) -> int:
        return 0 if self.peaks.done() else len(self.crops) - self.taken


@dataclass(frozen=True)
class Part:
    """Some crops of a request, in one batch."""

    request: Request
    start: int
    count: int

    @property
    def crops(self) -> RGB:
        return self.request.crops[self.start : self.start + self.count]


class Batcher:
    """`threads` run batches of at most `max_batch` people, first come first served, through `find`: crops -> keypoints.

    While the model runs, the next batch collects in the queue. An
    idle model waits up to `max_wait` seconds for further people, but only while an image is in preparation
    (`preparing`). People whose request has ended (deadline, client disconnected) are not run.
    """

    def __init__(self, find: Callable[[RGB], Peaks], threads: int, max_batch: int, max_wait: float, metrics: Metrics):
        self._find = find
        self._max_batch = max_batch
        self._max_wait = max_wait
        self._metrics = metrics
        self._queue: deque[Request] = deque()
        self._in_preparation = 0
        self._closed = False
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._work, name="model") for _ in range(threads)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End the threads once their current batches are done. The queue must be empty by then."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    async def run(self, crops: RGB) -> Peaks:
        """One request's crops (n, H, W, 3) -> their keypoints. Raises what the model raises on them."""
        request = Request(crops, asyncio.get_running_loop().create_future())
        with self._changed:
            self._queue.append(request)
            self._changed.notify()
        self._metrics.queue.inc(len(crops))
        try:
            return await request.peaks
        finally:
            self._metrics.queue.dec(len(crops))

    @contextmanager
    def preparing(self) -> Iterator[None]:
        """Surrounds the preparation of an image, for whose people an idle model waits."""
        with self._changed:
            self._in_preparation += 1
        try:
            yield
        finally:
            with self._changed:
                self._in_preparation -= 1
                self._changed.notify()

    def _work(self) -> None:
        while batch := self._next_batch():
            self._run(batch)

    def _next_batch(self) -> list[Part]:
        """Waits for the next batch; empty only once the batcher is closed."""
        with self._changed:
            while not self._closed:
                while self._queue and not self._queue[0].waiting:
                    self._queue.popleft()
                remaining = None
                if self._queue:
                    remaining = self._queue[0].queued_at + self._max_wait - perf_counter()
                    full = sum(request.waiting for request in self._queue) >= self._max_batch
                    if full or not self._in_preparation or remaining <= 0:
                        return self._take_batch()
                self._changed.wait(remaining)
            return []

    def _take_batch(self) -> list[Part]:
        batch: list[Part] = []
        room = self._max_batch
        for request in self._queue:
            count = min(room, request.waiting)
            if count:
                batch.append(Part(request, request.taken, count))
                request.taken += count
                room -= count
            if not room:
                break
        if any(request.waiting for request in self._queue):
            self._changed.notify()  # another thread may take what is left
        return batch

    def _run(self, batch: list[Part]) -> None:
        began = perf_counter()
        self._metrics.observe_stage("queue", *(began - part.request.queued_at for part in batch))
        try:
            peaks = self._find(np.concatenate([part.crops for part in batch]))
        except Exception as error:  # one by one, so that only the request that caused it fails
            if len(batch) > 1:
                for part in batch:
                    self._run([part])
                return
            self._tell(batch, [error])
        else:
            self._metrics.batch.observe(len(peaks.peak))
            self._metrics.observe_stage("model", perf_counter() - began)
            self._tell(batch, peaks.split([part.count for part in batch]))

    def _tell(self, batch: list[Part], outcomes: Sequence[Peaks | Exception]) -> None:
        loop = batch[0].request.peaks.get_loop()
        loop.call_soon_threadsafe(_resolve, batch, outcomes)


def _resolve(batch: list[Part], outcomes: Sequence[Peaks | Exception]) -> None:
    for part, outcome in zip(batch, outcomes, strict=True):
        request = part.request
        if request.peaks.done():  # it has ended meanwhile
            continue
        if isinstance(outcome, Exception):
            request.peaks.set_exception(outcome)
            continue
        request.found[part.start] = outcome
        if sum(len(found.peak) for found in request.found.values()) == len(request.crops):
            request.peaks.set_result(Peaks.join([request.found[start] for start in sorted(request.found)]))
