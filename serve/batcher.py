"""Batcher: batches the people of all requests for the model, up to `max_batch` at a time."""

import asyncio
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from serve.metrics import Metrics
from unipose.core.types import Float32
from unipose.runtime.engines import Runtime


@dataclass(eq=False)
class Person:
    """One person's prepared input (3, H, W) in the queue, and the future of its heatmaps (K, h, w)."""

    pixels: Float32
    maps: "asyncio.Future[Float32]"
    queued_at: float = field(default_factory=perf_counter)


class Batcher:
    """One thread for each copy of the model runs batches of at most `max_batch` people, first come first served.

    While the model runs, the next batch collects in the queue. An idle model waits up to `max_wait` seconds for further
    people, but only while an image is in preparation (`preparing`). People whose request has ended (deadline, client
    disconnected) are not run.
    """

    def __init__(self, runtime: Runtime, max_batch: int, max_wait: float, metrics: Metrics):
        self._runtime = runtime
        self._max_batch = max_batch
        self._max_wait = max_wait
        self._metrics = metrics
        self._queue: deque[Person] = deque()
        self._in_preparation = 0
        self._closed = False
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._work, name="model") for _ in range(runtime.copies)]

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

    async def run(self, inputs: Float32) -> Float32:
        """One request's prepared inputs (n, 3, H, W) -> heatmaps (n, K, h, w). Raises what the model raises on them."""
        loop = asyncio.get_running_loop()
        people = [Person(pixels, loop.create_future()) for pixels in inputs]
        with self._changed:
            self._queue.extend(people)
            self._changed.notify()
        self._metrics.queue.inc(len(people))
        try:
            return np.stack(await asyncio.gather(*(person.maps for person in people)))
        finally:
            for person in people:
                person.maps.cancel()
            self._metrics.queue.dec(len(people))

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

    def _next_batch(self) -> list[Person]:
        """Waits for the next batch; empty only once the batcher is closed."""
        with self._changed:
            while not self._closed:
                while self._queue and self._queue[0].maps.done():
                    self._queue.popleft()
                remaining = None
                if self._queue:
                    remaining = self._queue[0].queued_at + self._max_wait - perf_counter()
                    if len(self._queue) >= self._max_batch or not self._in_preparation or remaining <= 0:
                        return self._take_batch()
                self._changed.wait(remaining)
            return []

    def _take_batch(self) -> list[Person]:
        batch: list[Person] = []
        while self._queue and len(batch) < self._max_batch:
            person = self._queue.popleft()
            if not person.maps.done():
                batch.append(person)
        return batch

    def _run(self, batch: list[Person]) -> None:
        began = perf_counter()
        self._metrics.observe_stage("queue", *(began - person.queued_at for person in batch))
        try:
            maps = self._runtime.run(np.stack([person.pixels for person in batch]))
        except Exception as error:  # one by one, so that only the request that caused it fails
            if len(batch) > 1:
                for person in batch:
                    self._run([person])
                return
            self._deliver(batch, [error])
        else:
            self._metrics.batch.observe(len(batch))
            self._metrics.observe_stage("model", perf_counter() - began)
            self._deliver(batch, list(maps))

    def _deliver(self, batch: list[Person], outcomes: Sequence[Float32 | Exception]) -> None:
        loop = batch[0].maps.get_loop()
        loop.call_soon_threadsafe(_resolve, batch, outcomes)


def _resolve(batch: list[Person], outcomes: Sequence[Float32 | Exception]) -> None:
    for person, outcome in zip(batch, outcomes, strict=True):
        if person.maps.done():  # the request has ended meanwhile
            continue
        if isinstance(outcome, Exception):
            person.maps.set_exception(outcome)
        else:
            person.maps.set_result(outcome)
