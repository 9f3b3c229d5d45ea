"""Server: uvicorn that gives a silent connection up, and that answers what it has accepted before it stops."""

from collections.abc import Callable
from time import monotonic
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from serve.process.protocols import protocols
from serve.settings import Settings

# A terminal, or systemd, tells every process of a service to stop, and the supervisor then tells its workers again.
ONE_STOP_SECONDS = 1.0


class Server(uvicorn.Server):
    """At SIGTERM or SIGINT new requests get 503; once none is under way, or `stop_seconds` later, it exits.

    `announce` is called when it listens. A second signal stops at once, unless it comes with the first.
    """

    def __init__(self, app: FastAPI, settings: Settings, announce: Callable[[], None]):
        http, stream = protocols(settings.header_seconds, settings.body_seconds)
        config = uvicorn.Config(
            app,
            http=http,
            ws=stream,
            ws_max_size=settings.max_bytes,
            ws_max_queue=2,
            ws_per_message_deflate=False,  # images are packed already
            limit_concurrency=settings.max_connections,
            timeout_graceful_shutdown=1,  # for what is over `stop_seconds`, and for streams
            server_header=False,
            access_log=False,
            log_config=None,
            log_level=settings.log_level,
        )
        super().__init__(config)
        self._app = app
        self._stop_seconds = settings.stop_seconds
        self._announce = announce
        self._asked_to_stop: float | None = None

    async def startup(self, *arguments: Any, **options: Any) -> None:
        await super().startup(*arguments, **options)
        self._announce()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.started:
            return super().handle_exit(sig, frame)
        if self._asked_to_stop is None:
            self._asked_to_stop = monotonic()
            self._app.state.service.ready = False
        elif monotonic() - self._asked_to_stop > ONE_STOP_SECONDS:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        if self._asked_to_stop is not None:
            late = monotonic() - self._asked_to_stop >= self._stop_seconds
            self.should_exit = self.should_exit or late or not self._app.state.metrics.under_way
        return await super().on_tick(counter)
