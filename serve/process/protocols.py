"""uvicorn's HTTP and WebSocket protocols, with limits on the memory and time that one connection can take."""

import asyncio
from typing import cast

from uvicorn._types import ASGI3Application, ASGISendEvent
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

MAX_HEAD_BYTES = 64 * 1024  # of a request's head, or of anything in its body that is not content
MAX_PIPELINED = 16  # requests waiting behind the one being answered
MAX_FRAGMENTS = 1000  # of one message
MAX_PONG_BYTES = 2**20  # answers to pings that the client has not read


class _SlowReaderTimeout(asyncio.Protocol):
    """Drops a connection whose client has not read what was sent to it for `read_seconds`."""

    read_seconds: float
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    _read_timer: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._read_timer = self.loop.call_later(self.read_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._cancel_read_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._cancel_read_timer()

    def _cancel_read_timer(self) -> None:
        if self._read_timer:
            self._read_timer.cancel()


class HttpProtocol(_SlowReaderTimeout, HttpToolsProtocol):
    """A client has `header_seconds` to send each request's head, and to close after a refused request."""

    header_seconds: float
    _head_timer: asyncio.TimerHandle | None = None
    _current_cycle: RequestResponseCycle | None = None
    _unparsed_bytes = 0  # received since the parser last reported the end of a head, or content

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_head_timer()

    def data_received(self, data: bytes) -> None:
        self._unparsed_bytes += len(data)
        super().data_received(data)
        if self._unparsed_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response(f"A request's head may have {MAX_HEAD_BYTES:,} bytes.")

    def on_headers_complete(self) -> None:
        """Raises ValueError, which the parser answers with 400."""
        self._unparsed_bytes = 0
        self._cancel_head_timer()
        super().on_headers_complete()
        if len(self.pipeline) > MAX_PIPELINED:
            raise ValueError(f"more than {MAX_PIPELINED} requests wait for their turn")

    def on_body(self, body: bytes) -> None:
        self._unparsed_bytes = 0
        super().on_body(body)

    def handle_websocket_upgrade(self) -> None:
        super().handle_websocket_upgrade()
        if not cast(WebSocketsSansIOProtocol, self.transport.get_protocol()).handshake_initiated:
            self.send_400_response("This WebSocket handshake cannot be read.")

    def send_400_response(self, msg: str) -> None:
        super().send_400_response(msg)
        self._discard_response()
        self._start_head_timer()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._current_cycle = cycle
        super()._start_asgi_task(cycle, app)

    def _discard_response(self) -> None:
        """The connection closes: the request being answered, ahead of those that wait, gets no response any more."""
        if self._current_cycle:
            self._current_cycle.disconnected = True
            self._current_cycle.message_event.set()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete:  # otherwise the next request has begun already
            self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_head_timer()
        self._discard_response()
        super().connection_lost(exc)

    def _start_head_timer(self) -> None:
        self._cancel_head_timer()
        self._head_timer = self.loop.call_later(self.header_seconds, self._close)

    def _close(self) -> None:
        self.transport.close()  # sends what is buffered first, which takes as long as the client takes to read it
        self._head_timer = self.loop.call_later(self.read_seconds, self.transport.abort)

    def _cancel_head_timer(self) -> None:
        if self._head_timer:
            self._head_timer.cancel()


class WebSocketProtocol(_SlowReaderTimeout, WebSocketsSansIOProtocol):
    """A message has at most `MAX_FRAGMENTS` frames."""

    def handle_cont(self, event: Frame) -> None:
        super().handle_cont(event)
        if len(self.frames) > MAX_FRAGMENTS and not self.close_sent:
            self.conn.fail(1009, f"a message may come in {MAX_FRAGMENTS:,} frames")
            self.handle_parser_exception()

    def send_receive_event_to_app(self) -> None:
        """Text that is not UTF-8 is repaired, for the app to refuse like any text: uvicorn would log an exception."""
        if self.curr_msg_data_type == "text":
            self.frames = [b"".join(self.frames).decode(errors="replace").encode()]
        super().send_receive_event_to_app()

    def handle_ping(self) -> None:
        if not self.transport.is_closing():
            super().handle_ping()
            if self.transport.get_write_buffer_size() > MAX_PONG_BYTES:
                self.transport.abort()

    async def send(self, message: ASGISendEvent) -> None:
        """Once the stream is closed or closing, a close is dropped and anything else raises ClientDisconnected."""
        await self.writable.wait()
        if not self.disconnected and not self.close_sent:
            await super().send(message)
        elif message["type"] != "websocket.close":
            raise ClientDisconnected

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()  # a close would wait until the client, which does not respond, has read everything


def make_protocols(header_seconds: float, read_seconds: float) -> tuple[type[HttpProtocol], type[WebSocketProtocol]]:
    """Both classes with these timeouts, for uvicorn, which makes an instance for each connection."""
    http = type("Http", (HttpProtocol,), {"header_seconds": header_seconds, "read_seconds": read_seconds})
    return http, type("WebSocket", (WebSocketProtocol,), {"read_seconds": read_seconds})
