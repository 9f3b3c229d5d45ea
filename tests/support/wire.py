"""Raw bytes to a service and back, for requests that HTTP and WebSocket clients would refuse to send."""

import json
import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic, sleep

LAST_CHUNK = b"0\r\n\r\n"
UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
_HEAD = re.compile(rb"HTTP/1\.1 (\d\d\d) [^\r]*\r\n((?:[^\r]+\r\n)*)\r\n")


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self):
        return json.loads(self.body)


@dataclass
class Received:
    """What was received on one connection until it closed or the time was up."""

    raw: bytes = b""
    closed: bool = False
    seconds: float = 0.0

    @property
    def responses(self) -> list[Response]:
        return self._parse()[0]

    @property
    def frames(self) -> list[tuple[int, bytes]]:
        """Opcode and content of each WebSocket frame after the handshake."""
        frames, rest = [], self._parse()[1]
        while len(rest) >= 2:
            at, length = 2, rest[1]
            if length > 125:
                at = 4 if length == 126 else 10
                length = int.from_bytes(rest[2:at])
            frames.append((rest[0] & 15, rest[at : at + length]))
            rest = rest[at + length :]
        return frames

    def _parse(self) -> tuple[list[Response], bytes]:
        """The complete responses (and on a closed connection an incomplete last one), and the bytes after them."""
        responses, rest = [], self.raw
        while match := _HEAD.match(rest):
            lines = (line.partition(b":") for line in match[2].split(b"\r\n") if line)
            headers = {name.decode().lower(): value.strip().decode("latin-1") for name, _, value in lines}
            end = match.end() + int(headers.get("content-length", 0))
            if len(rest) < end and not self.closed:
                break
            responses.append(Response(int(match[1]), headers, rest[match.end() : end]))
            rest = rest[end:]
        return responses, rest


def head(line: bytes, *headers: bytes) -> bytes:
    """A request's head, as `POST /pose`, with a Host."""
    return line + b" HTTP/1.1\r\nHost: test\r\n" + b"".join(header + b"\r\n" for header in headers) + b"\r\n"


def request(line: bytes, body: bytes = b"", *headers: bytes) -> bytes:
    return head(line, *headers, b"Content-Length: %d" % len(body)) + body


def chunked(data: bytes, size: int) -> bytes:
    parts = (data[i : i + size] for i in range(0, len(data), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + LAST_CHUNK


def part(name: bytes, data: bytes, *more: bytes, filename: bytes | None = None) -> bytes:
    """A part of a multipart form with boundary `b`."""
    disposition = b'Content-Disposition: form-data; name="%s"' % name
    disposition += b"" if filename is None else b'; filename="%s"' % filename
    return b"--b\r\n" + disposition + b"\r\n" + b"".join(line + b"\r\n" for line in more) + b"\r\n" + data + b"\r\n"


def form(*parts: bytes, path: bytes = b"/pose", kind: bytes = b"multipart/form-data; boundary=b") -> bytes:
    return request(b"POST " + path, b"".join(parts) + b"--b--\r\n", b"Content-Type: " + kind)


def frame(kind: int, data: bytes, last: bool = True, masked: bool = True, length: int | None = None) -> bytes:
    """A WebSocket frame. Opcode `kind`: 0 continuation, 1 text, 2 binary, 8 close, 9 ping. `length`: a false one."""
    length = len(data) if length is None else length
    short, more = (length, 0) if length < 126 else (126, 2) if length < 65536 else (127, 8)
    size = bytes([short | masked << 7]) + (length.to_bytes(more) if more else b"")
    mask = bytes(4) if masked else b""
    return bytes([last << 7 | kind]) + size + mask + data


def handshake(*headers: bytes, path: bytes = b"/pose/stream") -> bytes:
    return b"GET " + path + b" HTTP/1.1\r\nHost: test\r\n" + b"".join(h + b"\r\n" for h in headers) + UPGRADE + b"\r\n"


def connect(port: int, timeout: float = 10) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=timeout)


def has_response(received: Received) -> bool:
    return any(response.status >= 200 for response in received.responses)


def never(received: Received) -> bool:
    return False


def exchange(
    port: int,
    parts: bytes | Iterable[bytes | None],
    until: Callable[[Received], bool] = has_response,
    timeout: float = 10,
    pause: float = 0,
) -> Received:
    """Send, with a pause after each part, and receive until `until` says so, the connection closes or the time is up.

    A part that is None waits for the response to a handshake.
    """
    began, received = monotonic(), Received()
    with connect(port, timeout) as client:
        try:
            for piece in [parts] if isinstance(parts, bytes) else parts:
                if piece is None:
                    _receive(client, received, lambda received: bool(received.responses), began + timeout)
                else:
                    client.sendall(piece)
                    sleep(pause)
        except OSError:  # the service closed the connection while we were sending
            pass
        _receive(client, received, until, began + timeout)
    received.seconds = monotonic() - began
    return received


def _receive(client: socket.socket, received: Received, until: Callable[[Received], bool], end: float) -> None:
    while not received.closed and not until(received) and (left := end - monotonic()) > 0:
        client.settimeout(left)
        try:
            data = client.recv(65536)
        except TimeoutError:
            return
        except OSError:
            data = b""
        received.raw += data
        received.closed = not data


def has_frame(received: Received) -> bool:
    return bool(received.frames)


def exchange_frames(port: int, sent: bytes, until: Callable[[Received], bool] = has_frame) -> Received:
    """Open a pose stream and send frames on it."""
    return exchange(port, [handshake(), None, sent], until)
