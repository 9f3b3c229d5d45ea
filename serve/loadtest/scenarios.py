"""Scenarios of a soak test: what its clients do, valid or not, and the outcome that each of them should have."""

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
from serve.loadtest.http_client import LOOPBACK, Connection, ConnectionLost, Response, encode_request
from serve.loadtest.images import draw_photo, truncated_png
from serve.loadtest.service_process import ServiceProcess

BUSY = "429"  # an outcome that is allowed in every scenario
LEFT, CLOSED, STREAMED = "left", "closed", "streamed"  # outcomes other than a status
_TIMEOUT = 60.0  # seconds for a response
_KINDS = (("PNG", (95, 169)), ("JPEG", (640, 480)), ("WEBP", (333, 1000)), ("JPEG", (1600, 1200)), ("TIFF", (64, 64)))
_BOUNDARY = "a-line-that-is-in-no-photo"
_SLOW_PARTS = 10  # in which a slow client sends its request


@dataclass(frozen=True)
class Scenario:
    """`run` returns the outcome: a status, or one of the words above. It raises OSError where a response is lost, and
    ValueError where one is malformed. `weight`: its relative frequency.
    """

    run: Callable[[Random], Awaitable[str]]
    expected: str
    weight: int = 1


class Scenarios:
    """The scenarios for one service, `by_name`."""

    def __init__(self, process: ServiceProcess):
        self._process = process
        self._settings = process.settings
        self._photos = [draw_photo(kind, size_wh) for kind, size_wh in _KINDS]
        self._photo = self._photos[1]
        self.by_name = self._single_requests() | {
            "several photos": Scenario(self._send_photos, "200", 8),
            "stream": Scenario(self._stream, STREAMED, 2),
            "chunks": Scenario(self._send_chunks, "413"),
            "leaves early": Scenario(partial(self._disconnect, 500), LEFT),
            "leaves late": Scenario(partial(self._disconnect, 1000), LEFT, 2),
            "slow": Scenario(partial(self._send_slowly, self._settings.body_seconds / 2), "200"),
            "too slow": Scenario(partial(self._send_slowly, self._settings.body_seconds + 1), "408"),
            "silent": Scenario(self._send_nothing, CLOSED),
        }

    def _single_requests(self) -> dict[str, Scenario]:
        """Those that send one request and receive the response."""
        photo, many = self._photo, str(10 * self._settings.max_bytes)
        return {
            "form": self._single(self._post("/pose", *_form("image", [photo])), "200", 4),
            "boxes": self._single(self._post("/pose?format=coco&boxes=%5B%5B10,10,60,60%5D%5D", photo), "200", 4),
            "batch": self._single(self._post("/pose/batch", *_form("images", [*self._photos, b"no image"])), "200", 2),
            "damaged": self._single(self._post("/pose", photo[: len(photo) // 2]), "422", 2),
            "no image": self._single(self._post("/pose", b"%PDF-1.7", {"Content-Type": "image/jpeg"}), "415"),
            "empty": self._single(self._post("/pose", b""), "422"),
            "bad boxes": self._single(self._post("/pose?boxes=%5B1", photo), "422"),
            "no address": self._single(self._post("/poses", photo), "404"),
            "many pixels": self._single(self._post("/pose", truncated_png((60_000, 60_000))), "413"),
            "many bytes": self._single(self._post("/pose", b"", {"Content-Length": many}), "413"),
            "metrics": self._single(encode_request("GET", "/metrics", headers=self._process.headers), "200"),
        }

    def _single(self, request: bytes, expected: str, weight: int = 1) -> Scenario:
        async def run(_: Random) -> str:
            async with self._connected() as connection:
                return _status(await connection.request(request, _TIMEOUT))

        return Scenario(run, expected, weight)

    def _post(self, target: str, body: bytes, headers: dict[str, str] | None = None) -> bytes:
        return encode_request("POST", target, body, self._process.headers | (headers or {}))

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Connection]:
        connection = await Connection.open(self._process.port)
        try:
            yield connection
        finally:
            connection.close()

    async def _send_photos(self, rng: Random) -> str:
        """Each photo once, on one connection."""
        async with self._connected() as connection:
            for photo in rng.sample(self._photos, len(self._photos)):
                status = _status(await connection.request(self._post("/pose", photo), _TIMEOUT))
                if status != "200":
                    break
            return status

    async def _stream(self, rng: Random) -> str:
        """Frames one by one, and then two at once, of which only the second needs an answer."""
        url = f"ws://{LOOPBACK}:{self._process.port}/pose/stream"
        try:
            async with connect(url, additional_headers=self._process.headers, open_timeout=_TIMEOUT) as socket:
                for number, frame in enumerate([*self._photos, b"no image", self._photo]):
                    await socket.send(frame)
                    if number == len(self._photos):
                        continue
                    async with asyncio.timeout(_TIMEOUT):
                        while json.loads(await socket.recv())["frame"] != number:
                            pass
        except WebSocketException as error:
            raise ConnectionLost(0) from error
        return STREAMED

    async def _send_chunks(self, _: Random) -> str:
        """More bytes than are accepted, with no Content-Length to announce them."""
        async with self._connected() as connection:
            connection.send(self._post("/pose", b"", {"Transfer-Encoding": "chunked"}))
            for _part in range((self._settings.max_bytes + FORM_BYTES) // 2**16 + 1):
                connection.send(b"10000\r\n" + bytes(2**16) + b"\r\n")
                await asyncio.sleep(0)
            connection.send(b"0\r\n\r\n")
            return _status(await connection.receive(_TIMEOUT))

    async def _disconnect(self, per_mille: int, rng: Random) -> str:
        """Disconnects without a response, soon after sending this part of the request."""
        request = self._post("/pose", self._photo)
        async with self._connected() as connection:
            connection.send(request[: len(request) * per_mille // 1000])
            await asyncio.sleep(rng.uniform(0, 0.1))
            return LEFT

    async def _send_slowly(self, seconds: float, _: Random) -> str:
        request = self._post("/pose", self._photo)
        size = len(request) // _SLOW_PARTS + 1
        async with self._connected() as connection:
            for begin in range(0, len(request), size):
                if connection.closed:
                    break
                connection.send(request[begin : begin + size])
                await asyncio.sleep(seconds / _SLOW_PARTS)
            return _status(await connection.receive(_TIMEOUT))

    async def _send_nothing(self, _: Random) -> str:
        """Half a request's head, and then nothing until the service closes the connection."""
        async with self._connected() as connection:
            connection.send(b"POST /pose HTTP/1.1\r\nHost: ")
            try:
                return _status(await connection.receive(self._settings.header_seconds + _TIMEOUT))
            except ConnectionLost:
                return CLOSED


def _status(response: Response) -> str:
    """Raises ValueError where a body that should be JSON is not."""
    if response.headers["content-type"].startswith("application/"):
        json.loads(response.body)
    return str(response.status)


def _form(field: str, files: list[bytes]) -> tuple[bytes, dict[str, str]]:
    """A multipart body, and its header."""
    head = f'Content-Disposition: form-data; name="{field}"; filename="photo"\r\n\r\n'
    parts = [f"--{_BOUNDARY}\r\n{head}".encode() + file + b"\r\n" for file in files]
    return b"".join([*parts, f"--{_BOUNDARY}--\r\n".encode()]), {
        "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"
    }
