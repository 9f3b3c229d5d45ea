"""Error responses, all of them application/problem+json (RFC 9457)."""

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect

from serve.http import problems
from serve.http.problems import ProblemDetails
from unipose.core.image import DamagedImage, ImageTooLarge, NotAnImage

MEDIA_TYPE = "application/problem+json"
SEND_AN_IMAGE = "send the image file as multipart field `image` (curl -F image=@photo.jpg) or as the whole body"
RETRY_SOON = {"Retry-After": "1"}
# Where the framework has no more to say than the status's phrase.
_DETAILS = {
    404: "there is nothing at this address; /openapi.json lists what there is",
    405: "this address takes other methods",
}
_EXPECTED = (StarletteHTTPException, RequestValidationError, ImageTooLarge, NotAnImage, DamagedImage, ClientDisconnect)
request_id: ContextVar[str] = ContextVar("request_id", default="")
_log = logging.getLogger("serve")


class DamagedFile(HTTPException):
    """A file that can be read in part or not at all, in words for the client."""

    def __init__(self, detail: str):
        super().__init__(422, detail)


def explain(error: Exception) -> tuple[ProblemDetails, Mapping[str, str]]:
    """An error -> the problem to send, and the response's headers. Errors that are not the client's are logged."""
    status, detail, headers = _explain(error)
    kind = "damaged" if isinstance(error, DamagedImage | DamagedFile) else None
    return problems.make(status, detail, request_id.get() or None, kind), headers


def _explain(error: Exception) -> tuple[int, str, Mapping[str, str]]:
    match error:
        case StarletteHTTPException(status_code=400):  # FastAPI's, of a body that is no text
            return 422, "the body is not JSON", {}
        case StarletteHTTPException():
            detail = error.detail if isinstance(error, HTTPException) else _DETAILS.get(error.status_code, error.detail)
            return error.status_code, detail, error.headers or {}
        case RequestValidationError():
            parts = (f"{'.'.join(map(str, e['loc'][1:]))}: {e['msg']}" for e in error.errors())
            return 422, "; ".join(parts), {}
        case ImageTooLarge():
            return 413, str(error), {}
        case NotAnImage():
            return 415, f"{error}; {SEND_AN_IMAGE}", {}
        case DamagedImage():
            _log.info("%s", error)  # the decoder's own message is for the log, not for the client
            return 422, "the image is damaged: it begins like one, but cannot be decoded; save it anew", {}
        case ClientDisconnect():
            return 400, "the connection closed before the whole body came", {}  # for the log: the client has gone
    _log.error("a request failed", exc_info=error)
    return 500, "the service failed on this request; its log says why, under this request id", {}


def problem(error: Exception) -> JSONResponse:
    """The response for an error."""
    details, headers = explain(error)
    return JSONResponse(details.model_dump(), details.status, headers, MEDIA_TYPE)


def describe(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems of an OpenAPI operation, for FastAPI's `responses`."""
    return {
        status: {"description": problems.meaning(status), "content": {MEDIA_TYPE: _example(status)}}
        for status in statuses
    }


def _example(status: int) -> dict[str, Any]:
    details = problems.make(status, problems.meaning(status), "5f1c")
    return {"schema": {"$ref": "#/components/schemas/ProblemDetails"}, "example": details.model_dump()}


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every expected kind of error with a problem; unexpected ones are left to `RequestLog`."""

    async def handle(_: Request, error: Exception) -> JSONResponse:
        return problem(error)

    for kind in _EXPECTED:
        app.add_exception_handler(kind, handle)
