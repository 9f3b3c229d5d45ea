"""A raw HTTP/1.1 client for a service on this machine; it uses little CPU, as it shares the cores with the service."""

import asyncio
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"
_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Response:
    """A complete response; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class ConnectionLost(ConnectionError):
    """The connection closed before a response was complete. `received`: bytes of it that had arrived."""

    def __init__(self, received: int):
        super().__init__(f"the connection closed after {received} bytes of an answer")
        self.received = received


def encode_request(method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
    """A request's bytes. A chunked request has no body yet: its chunks are sent afterwards."""
    headers = headers or {}
    length = {} if "Transfer-Encoding" in headers else {"Content-Length": str(len(body))}
    fields = {"Host": LOOPBACK} | length | headers
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode() + _HEAD_END + body


class Connection(asyncio.Protocol):
    """A connection for one request at a time."""

    def __init__(self) -> None:
        self.closed = False
        self._received = bytearray()
        self._response: asyncio.Future[Response] | None = None

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Raises OSError where nothing listens."""
        _, connection = await asyncio.get_running_loop().create_connection(cls, LOOPBACK, port)
        return connection

    async def request(self, data: bytes, seconds: float) -> Response:
        """Send a request -> its response. Raises ConnectionLost, and TimeoutError after `seconds`."""
        self.send(data)
        return await self.receive(seconds)

    def send(self, part: bytes) -> None:
        self._transport.write(part)

    async def receive(self, seconds: float) -> Response:
        """The response to what has been sent; raises what `request` raises."""
        self._response = asyncio.get_running_loop().create_future()
        self._resolve()
        async with asyncio.timeout(seconds):
            return await self._response

    def close(self) -> None:
        self._transport.close()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._resolve()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._resolve()

    def _resolve(self) -> None:
        if self._response is None or self._response.done():
            return
        if response := self._parse():
            self._response.set_result(response)
        elif self.closed:
            self._response.set_exception(ConnectionLost(len(self._received)))

    def _parse(self) -> Response | None:
        head_end = self._received.find(_HEAD_END)
        if head_end < 0:
            return None
        first, *lines = self._received[:head_end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        begin = head_end + len(_HEAD_END)
        end = begin + int(headers["content-length"])  # which every response of the service has
        if len(self._received) < end:
            return None
        body = bytes(self._received[begin:end])
        del self._received[:end]
        return Response(int(first.split(" ", 2)[1]), headers, body)
