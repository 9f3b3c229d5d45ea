"""Crowd: clients that ask the same again and again, each as soon as it is answered."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from time import perf_counter, process_time

from serve.client import Connection

PATIENCE = 60.0  # seconds that a client waits for an answer
_PAUSE = 0.05  # after a connection is lost
LOST = "lost"


@dataclass(frozen=True)
class Heard:
    """What all clients heard in a time during which all of them were asking."""

    seconds: float
    latencies: list[float]  # of the answers with 200, in seconds
    others: Counter[str]  # answers by another status, and `LOST` ones
    cpu: float  # the clients' own share of one core
    numbers: dict[str, float]  # how much each of the service's counters grew

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return len(self.latencies) / self.seconds

    def mean(self, name: str, labels: str = "") -> float:
        """Of one of the service's histograms."""
        count = self.numbers.get(f"{name}_count{labels}", 0.0)
        return self.numbers[f"{name}_sum{labels}"] / count if count else float("nan")


class Crowd:
    def __init__(self, port: int, clients: int, question: bytes, numbers: bytes):
        """The request that all send, and the one for `/metrics`."""
        self._port, self._clients, self._question, self._numbers = port, clients, question, numbers

    async def ask(self, seconds: float) -> Heard:
        """The clock starts when each client has been answered once."""
        self._latencies: list[float] = []
        self._others: Counter[str] = Counter()
        self._begun = asyncio.Barrier(self._clients + 1)
        self._counting, self._over = False, False
        clients = [asyncio.create_task(self._client()) for _ in range(self._clients)]
        await self._begun.wait()
        ...


def read_numbers(text: str) -> dict[str, float]:
    """Prometheus' exposition -> value by name and labels."""
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}
