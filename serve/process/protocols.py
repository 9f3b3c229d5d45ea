"""Connection: HTTP and WebSocket as uvicorn speaks them, with bounds on what a client makes us hold and wait for."""

import asyncio
from typing import cast

from uvicorn._types import ASGI3Application, ASGISendEvent
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

HEAD_BYTES = 64 * 1024  # of a request's head, or of anything in its body that is not content
PIPELINE = 16  # requests that may wait behind the one being answered
FRAGMENTS = 1000  # of one message
PONG_BYTES = 2**20  # answers to pings that the client has not taken


class _Taking(asyncio.Protocol):
    """A connection that is given up when its client does not take what it is sent for `take_seconds`."""

    take_seconds: float
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    _stuck: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck = self.loop.call_later(self.take_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_taking()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_taking()

    def _stop_taking(self) -> None:
        if self._stuck:
            self._stuck.cancel()


class Http(_Taking, HttpToolsProtocol):
    """Its client has `header_seconds` for each request's head, and for what follows a refused one."""

    header_seconds: float
    _silence: asyncio.TimerHandle | None = None
    _answering: RequestResponseCycle | None = None
    _untold = 0  # bytes since the parser last told of a head's end or of content

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        self._untold += len(data)
        super().data_received(data)
        if self._untold > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response(f"A request's head may have {HEAD_BYTES:,} bytes.")

    def on_headers_complete(self) -> None:
        """Raises ValueError, which the parser makes a 400."""
        self._untold = 0
        self._stop_expecting()
        super().on_headers_complete()
        if len(self.pipeline) > PIPELINE:
            raise ValueError(f"more than {PIPELINE} requests wait for their turn")

    def on_body(self, body: bytes) -> None:
        self._untold = 0
        super().on_body(body)

    def handle_websocket_upgrade(self) -> None:
        super().handle_websocket_upgrade()
        if not cast(WebSocketsSansIOProtocol, self.transport.get_protocol()).handshake_initiated:
            self.send_400_response("This WebSocket handshake cannot be read.")

    def send_400_response(self, msg: str) -> None:
        super().send_400_response(msg)
        self._drop_answer()
        self._expect()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _drop_answer(self) -> None:
        """The connection closes: what is being answered, before requests that wait, has nowhere to go."""
        if self._answering:
            self._answering.disconnected = True
            self._answering.message_event.set()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete:  # else the next request is there already
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_expecting()
        self._drop_answer()
        super().connection_lost(exc)

    def _expect(self) -> None:
        self._stop_expecting()
        self._silence = self.loop.call_later(self.header_seconds, self._give_up)

    def _give_up(self) -> None:
        self.transport.close()  # which first sends what has been written, to a client that takes it
        self._silence = self.loop.call_later(self.take_seconds, self.transport.abort)

    def _stop_expecting(self) -> None:
        if self._silence:
            self._silence.cancel()


class Stream(_Taking, WebSocketsSansIOProtocol):
    """Its messages come in at most `FRAGMENTS` parts."""

    def handle_cont(self, event: Frame) -> None:
        super().handle_cont(event)
        if len(self.frames) > FRAGMENTS and not self.close_sent:
            self.conn.fail(1009, f"a message may come in {FRAGMENTS:,} frames")
            self.handle_parser_exception()

    def send_receive_event_to_app(self) -> None:
        """Text is refused whatever its bytes: uvicorn would log those that are no UTF-8 as a fault of ours."""
        if self.curr_msg_data_type == "text":
            self.frames = [b"".join(self.frames).decode(errors="replace").encode()]
        super().send_receive_event_to_app()

    def handle_ping(self) -> None:
        if not self.transport.is_closing():
            super().handle_ping()
            if self.transport.get_write_buffer_size() > PONG_BYTES:
                self.transport.abort()

    async def send(self, message: ASGISendEvent) -> None:
        """What is sent while the stream ends, by its client or for what came after the last frame, is dropped."""
        await self.writable.wait()
        if not self.disconnected and not self.close_sent:
            await super().send(message)
        elif message["type"] != "websocket.close":
            raise ClientDisconnected

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()  # closing would wait until a client that is gone takes what it was sent


def protocols(header_seconds: float, take_seconds: float) -> tuple[type[Http], type[Stream]]:
    """The two, for uvicorn, which makes one of each connection."""
    http = type("Http", (Http,), {"header_seconds": header_seconds, "take_seconds": take_seconds})
    return http, type("Stream", (Stream,), {"take_seconds": take_seconds})
