"""RequestLog: gives every request an id, a line in the log and a place in the metrics, however it ends."""

import asyncio
import logging
import re
from time import perf_counter
from uuid import uuid4

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.http.errors import RETRY_SOON, problem, request_id
from serve.metrics import Metrics

HEADER = "X-Request-ID"
_VALID_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_log = logging.getLogger("serve.access")


class RequestLog:
    """ASGI middleware, around all that answer. A client's own request id is kept if it is valid, else replaced."""

    def __init__(self, app: ASGIApp, metrics: Metrics):
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        sent = Headers(scope=scope).get(HEADER, "")
        chosen = sent if _VALID_ID.fullmatch(sent) else uuid4().hex
        request_id.set(chosen)
        if scope["type"] == "http":
            await self._log_request(chosen, scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _log_request(self, chosen_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        began, status = perf_counter(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = chosen_id
            await send(message)

        self.metrics.begin()
        try:
            await self.app(scope, receive, send_with_id)
        except Exception as error:  # logged with its traceback; the client gets a 500
            if status:
                raise
            await problem(error)(scope, receive, send_with_id)
        except asyncio.CancelledError:  # the server has stopped before the answer
            if status:
                raise
            detail = "the service stopped before this was answered; try again soon"
            await problem(HTTPException(503, detail, headers=RETRY_SOON))(scope, receive, send_with_id)
        finally:
            self.metrics.end()
            seconds = perf_counter() - began
            path = getattr(scope.get("route"), "path", "other")  # the route's pattern, never text of the client's
            self.metrics.requests.labels(path, status).inc()
            self.metrics.seconds.labels(path).observe(seconds)
            fields = {
                "method": scope["method"], "path": path, "status": status, "ms": round(1000 * seconds, 1),
                "client": (scope.get("client") or ("unknown",))[0],
            }  # fmt: skip
            _log.info("%s %s %s %s ms for %s", *fields.values(), extra={"fields": fields})
