"""Guards: what a request must pass before it is answered, as FastAPI's dependencies."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr

from serve.http.auth import ApiKeys
from serve.http.errors import RETRY_SOON
from serve.service import PoseService

_bearer = HTTPBearer(auto_error=False, description="an API key, where the service has any")


class Guards:
    """`key`: for what needs an API key. `place`: for what sends images, also that the service is ready and has room."""

    def __init__(self, service: PoseService, keys: Sequence[SecretStr]):
        self.keys = ApiKeys(keys)
        self._service = service

        async def require_key(given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> None:
            self.keys.require(given.credentials if given else None)

        self.key: list[Any] = [Depends(require_key)] if keys else []  # without keys OpenAPI lists none either
        self.place: list[Any] = [*self.key, Depends(self.require_place)]

    async def require_ready(self) -> None:
        if not self._service.ready:
            # A connection kept alive would be closed during its next request.
            headers = {**RETRY_SOON, "Connection": "close"}
            raise HTTPException(503, "the model is not ready, or the service is stopping", headers=headers)

    async def require_place(self) -> None:
        await self.require_ready()
        if not self._service.has_place():  # checked before the body is read; once more by the service, after it
            raise self._service.busy()
