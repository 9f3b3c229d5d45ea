"""Server: uvicorn with limits on each connection and a graceful shutdown, which answers every accepted request."""

from collections.abc import Callable
from time import monotonic
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from serve.process.protocols import make_protocols
from serve.settings import Settings

# A terminal or systemd signals every process of a service, and the supervisor then signals its workers once more.
REPEATED_SIGNAL_SECONDS = 1.0


class Server(uvicorn.Server):
    """From SIGTERM or SIGINT on, new requests get 503; it exits once none is running, or after `stop_seconds`.

    A second signal stops it at once, unless it comes within a second of the first. `announce` is called when the server
    listens.
    """

    def __init__(self, app: FastAPI, settings: Settings, announce: Callable[[], None]):
        http, websocket = make_protocols(settings.header_seconds, settings.body_seconds)
        config = uvicorn.Config(
            app,
            http=http,
            ws=websocket,
            ws_max_size=settings.max_bytes,
            ws_max_queue=2,
            ws_per_message_deflate=False,  # images are compressed already
            limit_concurrency=settings.max_connections,
            timeout_graceful_shutdown=1,  # for streams, and for requests that run beyond `stop_seconds`
            server_header=False,
            proxy_headers=False,  # `ClientAddress` reads them
            access_log=False,
            log_config=None,
            log_level=settings.log_level,
        )
        super().__init__(config)
        self._app = app
        self._stop_seconds = settings.stop_seconds
        self._announce = announce
        self._stop_began: float | None = None

    async def startup(self, *arguments: Any, **options: Any) -> None:
        await super().startup(*arguments, **options)
        self._announce()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.started:
            return super().handle_exit(sig, frame)
        if self._stop_began is None:
            self._stop_began = monotonic()
            self._app.state.service.ready = False
        elif monotonic() - self._stop_began > REPEATED_SIGNAL_SECONDS:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        if self._stop_began is not None:
            expired = monotonic() - self._stop_began >= self._stop_seconds
            self.should_exit = self.should_exit or expired or not self._app.state.metrics.in_progress
        return await super().on_tick(counter)
