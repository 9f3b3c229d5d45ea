"""Mix: what a soak's clients do, good and bad, and what each of them should be told."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from random import Random

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from serve.http.upload import FORM_BYTES
from serve.loadtest.http_client import LOOPBACK, Connection, Lost, Reply, message
from serve.loadtest.images import claim, draw_photo
from serve.loadtest.service_process import Process

BUSY = "429"  # what everybody may be told
LEFT, CLOSED, STREAMED = "left", "closed", "streamed"  # an end without a status
_PATIENCE = 60.0  # seconds that a client waits for an answer
_KINDS = (("PNG", (95, 169)), ("JPEG", (640, 480)), ("WEBP", (333, 1000)), ("JPEG", (1600, 1200)), ("TIFF", (64, 64)))
_BOUNDARY = "a-line-that-is-in-no-photo"
_PIECES = 10  # of what is sent slowly


@dataclass(frozen=True)
class Way:
    """`act` gives the status that was told, or a word above; it raises OSError where an answer is lost. `weight`: how
    often, of all.
    """

    act: Callable[[Random], Awaitable[str]]
    expected: str
    weight: int = 1


class Mix:
    """The clients of one service; `ways` by name."""

    def __init__(self, process: Process):
        self._process = process
        self._settings = process.settings
        self._photos = [draw_photo(kind, size_wh) for kind, size_wh in _KINDS]
        self._photo = self._photos[1]
        self.ways = self._one_request() | {
            "several photos": Way(self._ask_for_photos, "200", 8),
            "stream": Way(self._stream, STREAMED, 2),
            "chunks": Way(self._send_chunks, "413"),
            "leaves early": Way(partial(self._leave, 500), LEFT),
            "leaves late": Way(partial(self._leave, 1000), LEFT, 2),
            "slow": Way(partial(self._send_slowly, self._settings.body_seconds / 2), "200"),
            "too slow": Way(partial(self._send_slowly, self._settings.body_seconds + 1), "408"),
            "silent": Way(self._be_silent, CLOSED),
        }

    def _one_request(self) -> dict[str, Way]:
        """Those that send one request and hear the answer."""
        photo, much = self._photo, str(10 * self._settings.max_bytes)
        return {
            "form": self._way(self._post("/pose", *_form("image", [photo])), "200", 4),
            "boxes": self._way(self._post("/pose?format=coco&boxes=%5B%5B10,10,60,60%5D%5D", photo), "200", 4),
            "batch": self._way(self._post("/pose/batch", *_form("images", [*self._photos, b"no image"])), "200", 2),
            "damaged": self._way(self._post("/pose", photo[: len(photo) // 2]), "422", 2),
            "no image": self._way(self._post("/pose", b"%PDF-1.7", {"Content-Type": "image/jpeg"}), "415"),
            "empty": self._way(self._post("/pose", b""), "422"),
            "bad boxes": self._way(self._post("/pose?boxes=%5B1", photo), "422"),
            "no address": self._way(self._post("/poses", photo), "404"),
            "many pixels": self._way(self._post("/pose", claim((60_000, 60_000))), "413"),
            "many bytes": self._way(self._post("/pose", b"", {"Content-Length": much}), "413"),
            "metrics": self._way(message("GET", "/metrics", headers=self._process.headers), "200"),
        }

    def _way(self, request: bytes, expected: str, weight: int = 1) -> Way:
        async def act(_: Random) -> str:
            async with self._connected() as connection:
                return _told(await connection.ask(request, _PATIENCE))

        return Way(act, expected, weight)

    def _post(self, target: str, body: bytes, headers: dict[str, str] | None = None) -> bytes:
        return message("POST", target, body, self._process.headers | (headers or {}))

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Connection]:
        connection = await Connection.open(self._process.port)
        try:
            yield connection
        finally:
            connection.close()

    async def _ask_for_photos(self, rng: Random) -> str:
        """Each kind once, on one connection."""
        async with self._connected() as connection:
            for photo in rng.sample(self._photos, len(self._photos)):
                told = _told(await connection.ask(self._post("/pose", photo), _PATIENCE))
                if told != "200":
                    break
            return told

    async def _stream(self, rng: Random) -> str:
        """Frames one by one, and two at once, of which the second is answered."""
        url = f"ws://{LOOPBACK}:{self._process.port}/pose/stream"
        try:
            async with connect(url, additional_headers=self._process.headers, open_timeout=_PATIENCE) as socket:
                for number, frame in enumerate([*self._photos, b"no image", self._photo]):
                    await socket.send(frame)
                    if number == len(self._photos):
                        continue
                    async with asyncio.timeout(_PATIENCE):
                        while json.loads(await socket.recv())["frame"] != number:
                            pass
        except WebSocketException as error:
            raise Lost(0) from error
        return STREAMED

    async def _send_chunks(self, _: Random) -> str:
        """More bytes than may be, without saying so before."""
        async with self._connected() as connection:
            connection.send(self._post("/pose", b"", {"Transfer-Encoding": "chunked"}))
            for _part in range((self._settings.max_bytes + FORM_BYTES) // 2**16 + 1):
                connection.send(b"10000\r\n" + bytes(2**16) + b"\r\n")
                await asyncio.sleep(0)
            connection.send(b"0\r\n\r\n")
            return _told(await connection.receive(_PATIENCE))

    async def _leave(self, part: int, rng: Random) -> str:
        """Without an answer, soon after this part of 1000 of the request."""
        request = self._post("/pose", self._photo)
        async with self._connected() as connection:
            connection.send(request[: len(request) * part // 1000])
            await asyncio.sleep(rng.uniform(0, 0.1))
            return LEFT

    async def _send_slowly(self, seconds: float, _: Random) -> str:
        request = self._post("/pose", self._photo)
        size = len(request) // _PIECES + 1
        async with self._connected() as connection:
            for begin in range(0, len(request), size):
                if connection.closed:
                    break
                connection.send(request[begin : begin + size])
                await asyncio.sleep(seconds / _PIECES)
            return _told(await connection.receive(_PATIENCE))

    async def _be_silent(self, _: Random) -> str:
        """Half a request's head, and then nothing until the service has had enough."""
        async with self._connected() as connection:
            connection.send(b"POST /pose HTTP/1.1\r\nHost: ")
            try:
                return _told(await connection.receive(self._settings.header_seconds + _PATIENCE))
            except Lost:
                return CLOSED


def _told(reply: Reply) -> str:
    """The status. Raises ValueError where what should be JSON is none."""
    if reply.headers["content-type"].startswith("application/"):
        json.loads(reply.body)
    return str(reply.status)


def _form(field: str, files: list[bytes]) -> tuple[bytes, dict[str, str]]:
    """A multipart body, and its header."""
    head = f'Content-Disposition: form-data; name="{field}"; filename="photo"\r\n\r\n'
    parts = [f"--{_BOUNDARY}\r\n{head}".encode() + file + b"\r\n" for file in files]
    return b"".join([*parts, f"--{_BOUNDARY}--\r\n".encode()]), {
        "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"
    }
