"""Problems: what an error is sent as (RFC 9457), and the kinds of them, each with an address in `/docs`."""

from http import HTTPStatus
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

DOCS = "/docs"


class Kind(NamedTuple):
    status: int
    meaning: str


# The name is the end of the kind's address, which never changes its meaning. The first of a status is its usual one.
KINDS: dict[str, Kind] = {
    "broken-off": Kind(400, "The connection closed before the whole body came."),
    "unauthorized": Kind(401, "No API key, or a wrong one."),
    "not-found": Kind(404, "There is nothing at this address."),
    "wrong-method": Kind(405, "This address takes other methods: the header Allow names them."),
    "slow-body": Kind(408, "The body took too long to arrive."),
    "too-large": Kind(413, "More bytes, pixels or frames than the service accepts."),
    "unsupported-media": Kind(415, "Not an image (or, for /video, not a video) by its first bytes."),
    "invalid": Kind(422, "No image, or a bad parameter."),
    "damaged": Kind(422, "The file begins like an image or a video, but cannot be decoded."),
    "busy": Kind(429, "As much is under way as may be, or this client asks too often: Retry-After says when to come."),
    "fault": Kind(500, "A fault of the service; its log says more, under the answer's request id."),
    "not-installed": Kind(501, "The service was installed without what this needs."),
    "not-ready": Kind(503, "Not ready yet, or stopping."),
    "deadline": Kind(504, "The answer was not ready in time."),
}
_USUAL = {kind.status: name for name, kind in reversed(KINDS.items())}


def _listed() -> list[dict[str, Any]]:
    return [{"type": f"{DOCS}#{name}", "status": kind.status, "meaning": kind.meaning} for name, kind in KINDS.items()]


class ProblemDetails(BaseModel):
    """An error, as RFC 9457 has it."""

    model_config = ConfigDict(json_schema_extra={"x-kinds": _listed()})  # type: ignore[dict-item]  # it is JSON

    type: str = Field(description="the kind, as an address below the service's", examples=[f"{DOCS}#invalid"])
    title: str = Field(description="the status in words", examples=["Unprocessable Entity"])
    status: int = Field(examples=[422])
    detail: str = Field(description="what was wrong, and what would be right", examples=["boxes: Invalid JSON"])
    request_id: str | None = Field(None, description="also in the log and in X-Request-ID", examples=["5f1c"])


def make(status: int, detail: str, request_id: str | None, name: str | None = None) -> ProblemDetails:
    """`name`: a row of KINDS, by default the status's usual one."""
    name = name or _USUAL.get(status)
    address = f"{DOCS}#{name}" if name else "about:blank"
    title = HTTPStatus(status).phrase
    return ProblemDetails(type=address, title=title, status=status, detail=detail, request_id=request_id)


def meaning(status: int) -> str:
    """Of a status, in all its kinds."""
    return " ".join(kind.meaning for kind in KINDS.values() if kind.status == status)
