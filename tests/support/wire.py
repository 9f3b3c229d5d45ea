"""Raw bytes to a service and back: what an HTTP client would repair, or would not say at all."""

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
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self):
        return json.loads(self.body)


@dataclass
class Heard:
    """What came back on one connection, until it closed or the patience ended."""

    raw: bytes = b""
    closed: bool = False
    seconds: float = 0.0

    @property
    def answers(self) -> list[Answer]:
        return self._parse()[0]

    @property
    def frames(self) -> list[tuple[int, bytes]]:
        """After the handshake, kind and content of each."""
        frames, rest = [], self._parse()[1]
        while len(rest) >= 2:
            at, length = 2, rest[1]
            if length > 125:
                at = 4 if length == 126 else 10
                length = int.from_bytes(rest[2:at])
            frames.append((rest[0] & 15, rest[at : at + length]))
            rest = rest[at + length :]
        return frames

    def _parse(self) -> tuple[list[Answer], bytes]:
        """The answers that are whole, or as whole as they will be, and what follows them."""
        answers, rest = [], self.raw
        while match := _HEAD.match(rest):
            lines = (line.partition(b":") for line in match[2].split(b"\r\n") if line)
            headers = {name.decode().lower(): value.strip().decode("latin-1") for name, _, value in lines}
            end = match.end() + int(headers.get("content-length", 0))
            if len(rest) < end and not self.closed:
                break
            answers.append(Answer(int(match[1]), headers, rest[match.end() : end]))
            rest = rest[end:]
        return answers, rest


def head(line: bytes, *headers: bytes) -> bytes:
    """A request's head, as `POST /pose`, with a Host."""
    return line + b" HTTP/1.1\r\nHost: test\r\n" + b"".join(header + b"\r\n" for header in headers) + b"\r\n"


def request(line: bytes, body: bytes = b"", *headers: bytes) -> bytes:
    return head(line, *headers, b"Content-Length: %d" % len(body)) + body


def chunked(data: bytes, size: int) -> bytes:
    parts = (data[i : i + size] for i in range(0, len(data), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + LAST_CHUNK


def part(name: bytes, data: bytes, *more: bytes, filename: bytes | None = None) -> bytes:
    """Of a multipart form with boundary `b`."""
    about = b'Content-Disposition: form-data; name="%s"' % name
    about += b"" if filename is None else b'; filename="%s"' % filename
    return b"--b\r\n" + about + b"\r\n" + b"".join(line + b"\r\n" for line in more) + b"\r\n" + data + b"\r\n"


def form(*parts: bytes, path: bytes = b"/pose", kind: bytes = b"multipart/form-data; boundary=b") -> bytes:
    return request(b"POST " + path, b"".join(parts) + b"--b--\r\n", b"Content-Type: " + kind)


def frame(kind: int, data: bytes, last: bool = True, masked: bool = True, length: int | None = None) -> bytes:
    """Of a WebSocket: kind 0 goes on, 1 is text, 2 binary, 8 closes, 9 pings. `length`: what is claimed."""
    length = len(data) if length is None else length
    short, more = (length, 0) if length < 126 else (126, 2) if length < 65536 else (127, 8)
    size = bytes([short | masked << 7]) + (length.to_bytes(more) if more else b"")
    mask = bytes(4) if masked else b""
    return bytes([last << 7 | kind]) + size + mask + data


def opened(*headers: bytes, path: bytes = b"/pose/stream") -> bytes:
    return b"GET " + path + b" HTTP/1.1\r\nHost: test\r\n" + b"".join(h + b"\r\n" for h in headers) + UPGRADE + b"\r\n"


def connect(port: int, patience: float = 10) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=patience)


def answered(heard: Heard) -> bool:
    return any(answer.status >= 200 for answer in heard.answers)


def never(heard: Heard) -> bool:
    return False


def talk(
    port: int,
    parts: bytes | Iterable[bytes | None],
    until: Callable[[Heard], bool] = answered,
    patience: float = 10,
    pause: float = 0,
) -> Heard:
    """Send, with a pause after each part, and listen until enough is heard, the connection closes or patience ends.

    A part that is None waits for the answer to a handshake.
    """
    began, heard = monotonic(), Heard()
    with connect(port, patience) as client:
        try:
            for piece in [parts] if isinstance(parts, bytes) else parts:
                if piece is None:
                    _listen(client, heard, lambda heard: bool(heard.answers), began + patience)
                else:
                    client.sendall(piece)
                    sleep(pause)
        except OSError:  # refused while we were talking
            pass
        _listen(client, heard, until, began + patience)
    heard.seconds = monotonic() - began
    return heard


def _listen(client: socket.socket, heard: Heard, until: Callable[[Heard], bool], end: float) -> None:
    while not heard.closed and not until(heard) and (left := end - monotonic()) > 0:
        client.settimeout(left)
        try:
            data = client.recv(65536)
        except TimeoutError:
            return
        except OSError:
            data = b""
        heard.raw += data
        heard.closed = not data


def stream(port: int, sent: bytes, until: Callable[[Heard], bool] = lambda heard: bool(heard.frames)) -> Heard:
    """Open a stream and send frames on it."""
    return talk(port, [opened(), None, sent], until)
