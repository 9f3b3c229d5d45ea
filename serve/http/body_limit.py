"""BodyLimit: limits on the size, the duration and the total memory of request bodies, checked while they arrive."""

import asyncio
from collections.abc import Mapping

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.budget import Budget
from serve.http.errors import RETRY_SOON, problem
from serve.http.upload import is_json


class BodyLimit:
    """ASGI middleware. `limits`: bytes by path; `budget`: bytes of all bodies in memory; `seconds` for one to arrive.

    A body beyond one of them is refused with 413, 429 or 408 as soon as it is known, chunked or not; the HTTPException
    is raised where the body is being read.
    """

    def __init__(self, app: ASGIApp, limits: Mapping[str, int], budget: int, seconds: float):
        self.app = app
        self.limits = limits
        self.budget = Budget(budget)
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        limit = self.limits.get(scope["path"], 0) * (4 if is_json(headers) else 3) // 3  # base64 takes a third more
        declared = headers.get("content-length", "")
        if limit and declared.isdecimal() and int(declared) > limit:
            return await problem(_too_long(limit))(scope, receive, send)
        end = asyncio.get_running_loop().time() + self.seconds
        taken, more = 0, True

        async def receive_limited() -> Message:
            nonlocal taken, more
            if not more:
                return await receive()  # waits for the client to disconnect
            try:
                async with asyncio.timeout_at(end):
                    message = await receive()
            except TimeoutError as error:
                detail = f"the body took more than {self.seconds:g} seconds to arrive; send a smaller image"
                raise HTTPException(408, detail, headers={"Connection": "close"}) from error
            part = len(message.get("body", b""))
            if taken + part > limit:
                raise _too_long(limit)
            if not self.budget.take(part):
                raise HTTPException(429, "too many bytes are being sent at once; try again soon", headers=RETRY_SOON)
            taken += part
            more = message.get("more_body", False)
            return message

        try:
            await self.app(scope, receive_limited, send)
        finally:
            self.budget.give(taken)


def _too_long(limit: int) -> HTTPException:
    detail = f"the request has more than {limit:,} bytes, the most that is accepted; send a smaller image"
    return HTTPException(413, detail)
