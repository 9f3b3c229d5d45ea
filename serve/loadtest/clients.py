"""Clients that send the same request over and over, each as soon as it has its response."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter, process_time

from serve.loadtest.http_client import Connection

LOST = "lost"
_TIMEOUT = 60.0  # seconds for a response
_RETRY_SECONDS = 0.05  # after a lost response


@dataclass
class ClientStats:
    """What concurrent clients measured in `seconds`, during which all of them were sending requests."""

    latencies: list[float] = field(default_factory=list)  # seconds of responses with status 200
    errors: Counter[str] = field(default_factory=Counter)  # responses by other status, and lost ones as `LOST`
    seconds: float = 0.0
    cpu_seconds: float = 0.0  # of the clients themselves
    metrics: dict[str, float] = field(default_factory=dict)  # by how much each of the service's metrics increased

    @classmethod
    def merge(cls, parts: Sequence["ClientStats"]) -> "ClientStats":
        """The sum of several measurements."""
        stats = cls()
        for part in parts:
            stats.latencies += part.latencies
            stats.errors += part.errors
            stats.seconds += part.seconds
            stats.cpu_seconds += part.cpu_seconds
            stats.metrics = {name: value + stats.metrics.get(name, 0.0) for name, value in part.metrics.items()}
        return stats

    @property
    def rate(self) -> float:
        """Responses with status 200 per second."""
        return len(self.latencies) / self.seconds

    def mean(self, name: str, labels: str = "") -> float:
        """Mean of the values that one of the service's histograms observed."""
        count = self.metrics.get(f"{name}_count{labels}", 0.0)
        return self.metrics[f"{name}_sum{labels}"] / count if count else float("nan")


class Clients:
    """Clients of the service at `port`, which send `request`. `metrics_request`: asks for the service's metrics."""

    def __init__(self, port: int, request: bytes, metrics_request: bytes):
        self._port = port
        self._request = request
        self._metrics_request = metrics_request
        self._stats: ClientStats | None = None  # of the measurement in progress
        self._responded: list[asyncio.Event] = []  # for each client, set at every response, whatever its status
        self._stopping = False

    async def run(self, count: int, seconds: float) -> ClientStats:
        """Measure `count` clients for at least `seconds`. Raises OSError where the service's metrics cannot be read."""
        self._stopping = False
        self._responded = [asyncio.Event() for _ in range(count)]
        tasks = [asyncio.create_task(self._client(responded)) for responded in self._responded]
        try:
            return await self._measure(seconds)
        finally:
            self._stopping = True
            await asyncio.gather(*tasks)

    async def _measure(self, seconds: float) -> ClientStats:
        """Measures from when every client has had a response until, after `seconds`, every client has had one more.

        Responses come in bursts, a batch at a time: so the measurement begins and ends right after one.
        """
        await self._next_responses()
        stats = self._stats = ClientStats()
        began, cpu_began = perf_counter(), process_time()
        before = await self._read_metrics()
        await asyncio.sleep(seconds)
        await self._next_responses()
        self._stats = None
        stats.seconds, stats.cpu_seconds = perf_counter() - began, process_time() - cpu_began
        after = await self._read_metrics()
        stats.metrics = {name: value - before.get(name, 0.0) for name, value in after.items()}
        return stats

    async def _next_responses(self) -> None:
        """Waits until every client has had a response."""
        for responded in self._responded:
            responded.clear()
        for responded in self._responded:
            await responded.wait()

    async def _client(self, responded: asyncio.Event) -> None:
        connection = None
        try:
            while not self._stopping:
                began = perf_counter()
                try:
                    if connection is None or connection.closed:
                        connection = await Connection.open(self._port)
                    status = str((await connection.request(self._request, _TIMEOUT)).status)
                except OSError:  # TimeoutError included
                    status = LOST
                    if connection:
                        connection.close()
                    await asyncio.sleep(_RETRY_SECONDS)
                self._count(status, perf_counter() - began)
                responded.set()
        finally:
            if connection:
                connection.close()

    def _count(self, status: str, seconds: float) -> None:
        if self._stats is None:
            return
        if status == "200":
            self._stats.latencies.append(seconds)
        else:
            self._stats.errors[status] += 1

    async def _read_metrics(self) -> dict[str, float]:
        """The values of the service's metrics by name and labels."""
        connection = await Connection.open(self._port)
        try:
            text = (await connection.request(self._metrics_request, _TIMEOUT)).body.decode()
        finally:
            connection.close()
        rows = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in rows}
