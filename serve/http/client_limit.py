"""ClientLimit: how many requests a second one client may send."""

from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from math import ceil
from time import monotonic

from fastapi import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from serve.http.errors import problem
from serve.metrics import Metrics

MAX_CLIENTS = 10_000  # who are remembered; of more, those who have not asked for longest are forgotten


class Allowance:
    """A bucket for each client that fills by `rate` tokens a second up to one second's worth, and one at least."""

    def __init__(self, rate: float, clock: Callable[[], float] = monotonic):
        self._rate, self._most, self._clock = rate, max(1.0, rate), clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and when there were so many

    def take(self, client: str) -> float:
        """Take a token -> 0, or the seconds until there will be one."""
        now = self._clock()
        tokens, then = self._left.pop(client, (self._most, now))
        tokens = min(self._most, tokens + (now - then) * self._rate)
        enough = tokens >= 1
        self._left[client] = (tokens - enough, now)
        if len(self._left) > MAX_CLIENTS:
            self._left.popitem(last=False)
        return 0.0 if enough else (1 - tokens) / self._rate


class ClientLimit:
    """ASGI middleware: what sends images, and the opening of a stream, counts; reading does not."""

    def __init__(self, app: ASGIApp, rate: float, metrics: Metrics):
        self.app = app
        self._rate, self._metrics = rate, metrics
        self._allowance = Allowance(rate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket" and (scope["type"] != "http" or scope["method"] != "POST"):
            return await self.app(scope, receive, send)
        wait = self._allowance.take(subscriber((scope.get("client") or ("",))[0]))
        if not wait:
            return await self.app(scope, receive, send)
        self._metrics.rejected.labels("client").inc()
        if scope["type"] == "websocket":
            await receive()
            return await send({"type": "websocket.close", "code": 1013, "reason": "try again later"})
        detail = f"more than {self._rate:g} requests a second from one client; come again in {ceil(wait)} s"
        await problem(HTTPException(429, detail, headers={"Retry-After": str(ceil(wait))}))(scope, receive, send)


def subscriber(client: str) -> str:
    """The network that one subscriber has: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        address = ip_address(client)
    except ValueError:  # as of a socket without addresses
        return client
    return client if address.version == 4 else str(ip_network((address, 64), strict=False))
