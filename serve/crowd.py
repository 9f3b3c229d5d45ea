"""Crowd: clients that ask the same again and again, each as soon as it is answered."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from time import perf_counter, process_time

from serve.client import Connection

LOST = "lost"
_PATIENCE = 60.0  # seconds that a client waits for an answer
_PAUSE = 0.05  # seconds after a lost one


@dataclass
class Heard:
    """What all clients heard in `seconds` during which all of them were asking."""

    latencies: list[float] = field(default_factory=list)  # of answers with 200, in seconds
    others: Counter[str] = field(default_factory=Counter)  # answers with another status, and `LOST`
    seconds: float = 0.0
    cpu: float = 0.0  # the clients' own time on the cores
    numbers: dict[str, float] = field(default_factory=dict)  # how much each number of the service's grew

    @property
    def rate(self) -> float:
        """Answers with 200 in a second."""
        return len(self.latencies) / self.seconds

    def mean(self, name: str, labels: str = "") -> float:
        """Of what one of the service's histograms saw."""
        count = self.numbers.get(f"{name}_count{labels}", 0.0)
        return self.numbers[f"{name}_sum{labels}"] / count if count else float("nan")


class Crowd:
    """Clients of the service at `port`. `question` and `numbers`: the request of all, and the one for its metrics."""

    def __init__(self, port: int, question: bytes, numbers: bytes):
        self._port = port
        self._question = question
        self._numbers = numbers

    async def ask(self, clients: int, seconds: float) -> Heard:
        """The time begins when every client has had an answer, and ends while all still ask."""
        turns = [asyncio.Event() for _ in range(clients)]
        heard = Heard()
        tasks = [asyncio.create_task(self._client(turn, heard)) for turn in turns]
        try:
            for turn in turns:
                await turn.wait()
            before = await self._read_numbers()
            heard.latencies.clear()
            heard.others.clear()
            began, cpu = perf_counter(), process_time()
            await asyncio.sleep(seconds)
            heard.seconds, heard.cpu = perf_counter() - began, process_time() - cpu
            kept = Heard(heard.latencies.copy(), heard.others.copy(), heard.seconds, heard.cpu)
            after = await self._read_numbers()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        kept.numbers = {name: value - before.get(name, 0.0) for name, value in after.items()}
        return kept
