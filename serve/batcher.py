"""Batcher: where the people of all requests meet the model, as many at a time as fit."""

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
    """A prepared input (3, H, W), and the future of its maps (K, h, w)."""

    pixels: Float32
    maps: "asyncio.Future[Float32]"
    since: float = field(default_factory=perf_counter)


class Batcher:
    """One thread for each copy of the model takes at most `max_batch` people, first come first served.

    While the model is busy a batch gathers by itself; an idle model waits up to `max_wait` seconds for people who are
    `coming`, and for nobody else. People whose request has ended (deadline, client gone) are not run.
    """

    def __init__(self, runtime: Runtime, max_batch: int, max_wait: float, metrics: Metrics):
        self._runtime = runtime
        self._max_batch = max_batch
        self._max_wait = max_wait
        self._metrics = metrics
        self._waiting: deque[Person] = deque()
        self._coming = 0
        self._closed = False
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._work, name="model") for _ in range(runtime.copies)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Ends the threads once what they run is done; nobody may be waiting any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    async def run(self, inputs: Float32) -> Float32:
        """(n, 3, H, W) prepared inputs of one request -> (n, K, h, w). Raises what the model raises on them."""
        loop = asyncio.get_running_loop()
        people = [Person(pixels, loop.create_future()) for pixels in inputs]
        with self._changed:
            self._waiting.extend(people)
            self._changed.notify()
        self._metrics.queue.inc(len(people))
        try:
            return np.stack(await asyncio.gather(*(person.maps for person in people)))
        finally:
            for person in people:
                person.maps.cancel()
            self._metrics.queue.dec(len(people))

    @contextmanager
    def coming(self) -> Iterator[None]:
        """Around the preparation of an image, whose people are worth waiting for."""
        with self._changed:
            self._coming += 1
        try:
            yield
        finally:
            with self._changed:
                self._coming -= 1
                self._changed.notify()

    def _work(self) -> None:
        while batch := self._next():
            self._run(batch)

    def _next(self) -> list[Person]:
        """The next batch, never empty until the batcher is closed."""
        with self._changed:
            while not self._closed:
                while self._waiting and self._waiting[0].maps.done():
                    self._waiting.popleft()
                patience = None
                if self._waiting:
                    patience = self._waiting[0].since + self._max_wait - perf_counter()
                    if len(self._waiting) >= self._max_batch or not self._coming or patience <= 0:
                        return self._take()
                self._changed.wait(patience)
            return []

    def _take(self) -> list[Person]:
        batch: list[Person] = []
        while self._waiting and len(batch) < self._max_batch:
            person = self._waiting.popleft()
            if not person.maps.done():
                batch.append(person)
        return batch

    def _run(self, batch: list[Person]) -> None:
        began = perf_counter()
        self._metrics.stage("queue", *(began - person.since for person in batch))
        try:
            maps = self._runtime.run(np.stack([person.pixels for person in batch]))
        except Exception as error:  # it is the waiting request's, or that of one of several
            if len(batch) > 1:
                for person in batch:
                    self._run([person])
                return
            self._deliver(batch, [error])
        else:
            self._metrics.batch.observe(len(batch))
            self._metrics.stage("model", perf_counter() - began)
            self._deliver(batch, list(maps))

    def _deliver(self, batch: list[Person], outcomes: Sequence[Float32 | Exception]) -> None:
        loop = batch[0].maps.get_loop()
        loop.call_soon_threadsafe(_settle, batch, outcomes)


def _settle(batch: list[Person], outcomes: Sequence[Float32 | Exception]) -> None:
    for person, outcome in zip(batch, outcomes, strict=True):
        if person.maps.done():  # the request has ended meanwhile
            continue
        if isinstance(outcome, Exception):
            person.maps.set_exception(outcome)
        else:
            person.maps.set_result(outcome)
