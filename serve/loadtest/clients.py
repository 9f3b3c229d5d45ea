"""Crowd: clients that ask the same again and again, each as soon as it is answered."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter, process_time

from serve.loadtest.http_client import Connection

LOST = "lost"
_PATIENCE = 60.0  # seconds that a client waits for an answer
_PAUSE = 0.05  # seconds after a lost one


@dataclass
class Heard:
    """What all clients heard in `seconds`, during which all of them were asking."""

    latencies: list[float] = field(default_factory=list)  # of answers with 200, in seconds
    others: Counter[str] = field(default_factory=Counter)  # answers with another status, and `LOST` ones
    seconds: float = 0.0
    cpu: float = 0.0  # the clients' own seconds on a core
    numbers: dict[str, float] = field(default_factory=dict)  # how much each of the service's metrics grew

    @classmethod
    def together(cls, parts: Sequence["Heard"]) -> "Heard":
        """At several times, as if at one."""
        heard = cls()
        for part in parts:
            heard.latencies += part.latencies
            heard.others += part.others
            heard.seconds += part.seconds
            heard.cpu += part.cpu
            heard.numbers = {name: value + heard.numbers.get(name, 0.0) for name, value in part.numbers.items()}
        return heard

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
        self._heard: Heard | None = None  # where answers are counted at this moment
        self._turns: list[asyncio.Event] = []  # set once a client has had an answer, of whatever kind
        self._over = False

    async def ask(self, clients: int, seconds: float) -> Heard:
        """At least so long. Raises OSError where the service does not tell its numbers."""
        self._over = False
        self._turns = [asyncio.Event() for _ in range(clients)]
        tasks = [asyncio.create_task(self._client(number)) for number in range(clients)]
        try:
            return await self._listen(seconds)
        finally:
            self._over = True
            await asyncio.gather(*tasks)

    async def _listen(self, seconds: float) -> Heard:
        """From when all have had an answer until, after the time, all have had one more.

        Answers come in bursts, as many as are in a batch: so it begins and ends behind one.
        """
        await self._all_have_an_answer()
        heard = self._heard = Heard()
        began, cpu = perf_counter(), process_time()
        before = await self._read_numbers()
        await asyncio.sleep(seconds)
        await self._all_have_an_answer()
        self._heard = None
        heard.seconds, heard.cpu = perf_counter() - began, process_time() - cpu
        after = await self._read_numbers()
        heard.numbers = {name: value - before.get(name, 0.0) for name, value in after.items()}
        return heard

    async def _all_have_an_answer(self) -> None:
        for turn in self._turns:
            turn.clear()
        for turn in self._turns:
            await turn.wait()

    async def _client(self, number: int) -> None:
        connection = None
        try:
            while not self._over:
                began = perf_counter()
                try:
                    if connection is None or connection.closed:
                        connection = await Connection.open(self._port)
                    status = str((await connection.ask(self._question, _PATIENCE)).status)
                except OSError:  # a time-out is one too
                    status = LOST
                    if connection:
                        connection.close()
                    await asyncio.sleep(_PAUSE)
                self._count(status, perf_counter() - began)
                self._turns[number].set()
        finally:
            if connection:
                connection.close()

    def _count(self, status: str, seconds: float) -> None:
        if self._heard is None:
            return
        if status == "200":
            self._heard.latencies.append(seconds)
        else:
            self._heard.others[status] += 1

    async def _read_numbers(self) -> dict[str, float]:
        """The metrics' values by name and labels."""
        connection = await Connection.open(self._port)
        try:
            text = (await connection.ask(self._numbers, _PATIENCE)).body.decode()
        finally:
            connection.close()
        rows = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in rows}
