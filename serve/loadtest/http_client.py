"""Client: one connection of raw HTTP/1.1 to a service on this machine; it costs little, as both share the cores."""

import asyncio
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"
_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Reply:
    """A complete answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Lost(ConnectionError):
    """The connection ended before an answer was complete. `heard`: how many bytes of it had come."""

    def __init__(self, heard: int):
        super().__init__(f"the connection closed after {heard} bytes of an answer")
        self.heard = heard


def message(method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
    """A request's bytes. Of a chunked one the body is sent later."""
    headers = headers or {}
    length = {} if "Transfer-Encoding" in headers else {"Content-Length": str(len(body))}
    fields = {"Host": LOOPBACK} | length | headers
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode() + _END + body


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self) -> None:
        self.closed = False
        self._heard = bytearray()
        self._answer: asyncio.Future[Reply] | None = None

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Raises OSError where nobody listens."""
        _, connection = await asyncio.get_running_loop().create_connection(cls, LOOPBACK, port)
        return connection

    async def ask(self, request: bytes, seconds: float) -> Reply:
        """Raises Lost, and TimeoutError where no answer is complete in time."""
        self.send(request)
        return await self.receive(seconds)

    def send(self, part: bytes) -> None:
        self._transport.write(part)

    async def receive(self, seconds: float) -> Reply:
        """As `ask`."""
        self._answer = asyncio.get_running_loop().create_future()
        self._settle()
        async with asyncio.timeout(seconds):
            return await self._answer

    def close(self) -> None:
        self._transport.close()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._heard += data
        self._settle()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._settle()

    def _settle(self) -> None:
        if self._answer is None or self._answer.done():
            return
        if reply := self._parse():
            self._answer.set_result(reply)
        elif self.closed:
            self._answer.set_exception(Lost(len(self._heard)))

    def _parse(self) -> Reply | None:
        end = self._heard.find(_END)
        if end < 0:
            return None
        first, *lines = self._heard[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        begin = end + len(_END)
        length = int(headers["content-length"])  # every answer of the service has one
        if len(self._heard) < begin + length:
            return None
        body = bytes(self._heard[begin : begin + length])
        del self._heard[: begin + length]
        return Reply(int(first.split(" ", 2)[1]), headers, body)
