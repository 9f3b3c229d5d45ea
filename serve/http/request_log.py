"""Access: a request's id, its line in the log and its place in the numbers, whatever becomes of it."""

import asyncio
import logging
import re
from time import perf_counter
from uuid import uuid4

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.http.errors import SOON, problem, request_id
from serve.metrics import Metrics

HEADER = "X-Request-ID"
_SOUND = re.compile(r"[A-Za-z0-9._-]{1,64}")
_log = logging.getLogger("serve.access")


class Access:
    """ASGI middleware, the outermost. A client's own request id is kept where it is a sound one."""

    def __init__(self, app: ASGIApp, metrics: Metrics):
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        asked = Headers(scope=scope).get(HEADER, "")
        own = asked if _SOUND.fullmatch(asked) else uuid4().hex
        request_id.set(own)
        if scope["type"] == "http":
            await self._answer(own, scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _answer(self, own: str, scope: Scope, receive: Receive, send: Send) -> None:
        began, status = perf_counter(), 0

        async def record(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = own
            await send(message)

        self.metrics.begin()
        try:
            await self.app(scope, receive, record)
        except Exception as error:  # told to the client as a fault, and to the log with its traceback
            if status:
                raise
            await problem(error)(scope, receive, record)
        except asyncio.CancelledError:  # what takes longer than a stop may
            if status:
                raise
            detail = "the service stopped before this was answered; try again soon"
            await problem(HTTPException(503, detail, headers=SOON))(scope, receive, record)
        finally:
            self.metrics.end()
            seconds = perf_counter() - began
            path = getattr(scope.get("route"), "path", "other")  # a route's pattern: never the client's words
            self.metrics.requests.labels(path, status).inc()
            self.metrics.seconds.labels(path).observe(seconds)
            about = {"method": scope["method"], "path": path, "status": status, "ms": round(1000 * seconds, 1)}
            _log.info("%s %s %s %s ms", *about.values(), extra={"fields": about})
