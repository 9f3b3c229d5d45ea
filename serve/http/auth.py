"""Keys: who may ask, and from which site's pages."""

import hmac
from collections.abc import Collection, Iterable

from fastapi import HTTPException, WebSocket
from pydantic import SecretStr

PROTOCOL = "unipose"  # of a stream: a browser cannot set its headers, so its key comes as a second subprotocol
_KEY_PROTOCOL = "key."


class Keys:
    """API keys; without any everybody may ask."""

    def __init__(self, keys: Iterable[SecretStr]):
        self._keys = [key.get_secret_value().encode() for key in keys]

    def require(self, given: str | None) -> None:
        """Raises HTTPException 401."""
        if not self._fit(given or ""):
            what = "a wrong API key" if given else "this service needs an API key"
            detail = f"{what}: send it as `Authorization: Bearer KEY`"
            raise HTTPException(401, detail, headers={"WWW-Authenticate": "Bearer"})

    def fit_stream(self, socket: WebSocket) -> bool:
        """By its Authorization header, or the subprotocol that a browser sends in its place."""
        bearer = socket.headers.get("authorization", "").removeprefix("Bearer ")
        offered = [p.removeprefix(_KEY_PROTOCOL) for p in socket.scope["subprotocols"] if p.startswith(_KEY_PROTOCOL)]
        return self._fit(bearer or "".join(offered[:1]))

    def _fit(self, given: str) -> bool:
        """Compares with every key, in a time that does not tell how much of one was right."""
        if not self._keys:
            return True
        sent = given.encode()
        return sum(hmac.compare_digest(key, sent) for key in self._keys) > 0  # a sum: all are compared


def may_embed(socket: WebSocket, origins: Collection[str]) -> bool:
    """Whether the page that opens a stream, if one does, is ours or of a named origin: browsers leave that to us."""
    origin = socket.headers.get("origin")
    return origin is None or origin in origins or origin.partition("://")[2] == socket.headers.get("host")
