"""Budget: an amount (bytes, pixels) that requests share, so that memory has a bound."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Budget:
    """Used from one event loop."""

    def __init__(self, amount: int):
        self.amount = self.free = amount
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def take(self, part: int) -> bool:
        """Take a part now, to be given back with `give`, or say that there is not enough."""
        if part > self.free:
            return False
        self.free -= part
        return True

    def give(self, part: int) -> None:
        self.free += part
        self._admit()

    @asynccontextmanager
    async def hold(self, part: int) -> AsyncIterator[None]:
        """Wait for a part, first come first served, and give it back at the end. Asks for at most the whole."""
        part = min(part, self.amount)
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((part, turn))
        self._admit()
        try:
            await turn
            yield
        finally:
            if turn.done() and not turn.cancelled():
                self.give(part)
            else:
                self._admit()

    def _admit(self) -> None:
        while self._waiting:
            part, turn = self._waiting[0]
            if not turn.done():  # else its request has left
                if not self.take(part):
                    return
                turn.set_result(None)
            self._waiting.popleft()
