"""Keys: who may ask."""

import hmac
from collections.abc import Iterable

from fastapi import HTTPException
from pydantic import SecretStr

PROTOCOL = "unipose"  # of a stream: a browser cannot set its headers, so its key comes as a second subprotocol
KEY_PROTOCOL = "key."


class Keys:
    """API keys; without any everybody may ask."""

    def __init__(self, keys: Iterable[SecretStr]):
        self._keys = [key.get_secret_value().encode() for key in keys]

    def fits(self, given: str) -> bool:
        """Compares with every key, in a time that does not tell how much of one was right."""
        if not self._keys:
            return True
        sent = given.encode()
        return sum(hmac.compare_digest(key, sent) for key in self._keys) > 0  # a sum: all are compared

    def require(self, given: str | None) -> None:
        """Raises HTTPException 401."""
        if not self.fits(given or ""):
            what = "a wrong API key" if given else "this service needs an API key"
            detail = f"{what}: send it as `Authorization: Bearer KEY`"
            raise HTTPException(401, detail, headers={"WWW-Authenticate": "Bearer"})
