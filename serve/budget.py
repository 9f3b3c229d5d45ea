"""Budget: a bounded amount (bytes, pixels, places) that concurrent requests share."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Budget:
    """Not thread-safe: for use from one event loop."""

    def __init__(self, amount: int):
        self.amount = self.free = amount
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def take(self, part: int) -> bool:
        """Take `part` if that much is free, without waiting -> whether it was. It is returned with `give`."""
        if part > self.free:
            return False
        self.free -= part
        return True

    def give(self, part: int) -> None:
        """Return what `take` took."""
        self.free += part
        self._grant()

    @asynccontextmanager
    async def hold(self, part: int) -> AsyncIterator[None]:
        """Wait for `part`, first come first served, and return it at the end. `part` is cut to the whole amount."""
        part = min(part, self.amount)
        granted = asyncio.get_running_loop().create_future()
        self._waiting.append((part, granted))
        self._grant()
        try:
            await granted
            yield
        finally:
            if granted.done() and not granted.cancelled():
                self.give(part)
            else:
                self._grant()

    def _grant(self) -> None:
        while self._waiting:
            part, granted = self._waiting[0]
            if not granted.done():  # otherwise its request was cancelled
                if not self.take(part):
                    return
                granted.set_result(None)
            self._waiting.popleft()
