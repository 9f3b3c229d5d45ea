"""ClientAddress: who a request comes from, also where it comes through proxies."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address


class ClientAddress:
    """ASGI middleware that puts the client's address into the scope.

    What a proxy of these networks says in X-Forwarded-For is believed, from the right on: the last address that is no
    trusted proxy's is the client's. Anybody can write that header, so without trusted proxies it counts for nothing.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[Network]):
        self.app = app
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._trusted and scope["type"] in ("http", "websocket") and scope.get("client"):
            named = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")
            scope["client"] = (self._client(scope["client"][0], named), 0)
        await self.app(scope, receive, send)

    def _client(self, peer: str, named: Sequence[str]) -> str:
        last = peer
        for text in [peer, *reversed(named)]:
            address = _parse(text)
            if address is None:  # whoever passed it on is the last who is known
                return last
            last = str(address)
            if not any(address in network for network in self._trusted):
                return last
        return last


def _parse(text: str) -> Address | None:
    """An address, which may have a port behind it."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
