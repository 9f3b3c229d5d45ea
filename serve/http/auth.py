"""Access control: API keys, and the origins whose pages may open a stream."""

import hmac
from collections.abc import Collection, Iterable

from fastapi import HTTPException, WebSocket
from pydantic import SecretStr

SUBPROTOCOL = "unipose"  # browsers cannot set a WebSocket's headers: their key comes as a second subprotocol
_KEY_PREFIX = "key."


class ApiKeys:
    """The keys that are accepted; if there are none, every request is."""

    def __init__(self, keys: Iterable[SecretStr]):
        self._keys = [key.get_secret_value().encode() for key in keys]

    def require(self, given: str | None) -> None:
        """Raises HTTPException 401 for a missing or wrong key."""
        if not self._is_valid(given or ""):
            what = "a wrong API key" if given else "this service needs an API key"
            detail = f"{what}: send it as `Authorization: Bearer KEY`"
            raise HTTPException(401, detail, headers={"WWW-Authenticate": "Bearer"})

    def allow_stream(self, socket: WebSocket) -> bool:
        """Whether a stream has a valid key, in the Authorization header or in a browser's second subprotocol."""
        bearer = socket.headers.get("authorization", "").removeprefix("Bearer ")
        offered = [p.removeprefix(_KEY_PREFIX) for p in socket.scope["subprotocols"] if p.startswith(_KEY_PREFIX)]
        return self._is_valid(bearer or "".join(offered[:1]))

    def _is_valid(self, given: str) -> bool:
        """Compares with every key, in constant time: how long it takes says nothing of how much of a key was right."""
        if not self._keys:
            return True
        encoded = given.encode()
        return sum(hmac.compare_digest(key, encoded) for key in self._keys) > 0  # `any` would stop early


def may_connect(socket: WebSocket, origins: Collection[str]) -> bool:
    """Whether a stream may be opened from its Origin: none (no browser), our own host, or one of `origins`.

    Browsers do not apply the same-origin policy to WebSockets, so the service must.
    """
    origin = socket.headers.get("origin")
    return origin is None or origin in origins or origin.partition("://")[2] == socket.headers.get("host")
