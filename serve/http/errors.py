"""Error responses, all of them application/problem+json (RFC 9457)."""

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect

from serve.http.schemas import ProblemDetails
from unipose.core.image import DamagedImage, ImageTooLarge, NotAnImage

MEDIA_TYPE = "application/problem+json"
SEND_AN_IMAGE = "send the image file as multipart field `image` (curl -F image=@photo.jpg) or as the whole body"
RETRY_SOON = {"Retry-After": "1"}
# Where the framework has no more to say than the status's phrase.
_DETAILS = {
    404: "there is nothing at this address; /openapi.json lists what there is",
    405: "this address takes other methods",
}
_MEANING = {
    401: "No API key, or a wrong one.",
    408: "The body took too long to arrive.",
    413: "More bytes or pixels than the service accepts.",
    415: "Not an image by its first bytes, whatever the headers say.",
    422: "No image, a damaged one, or a bad parameter.",
    429: "As many images are under way as may be; Retry-After says when to come again.",
    500: "A fault of the service; its log says more, under the answer's request id.",
    503: "Not ready yet, or stopping.",
    504: "The answer was not ready in time.",
}
_EXPECTED = (StarletteHTTPException, RequestValidationError, ImageTooLarge, NotAnImage, DamagedImage, ClientDisconnect)
request_id: ContextVar[str] = ContextVar("request_id", default="")
_log = logging.getLogger("serve")


def explain(error: Exception) -> tuple[ProblemDetails, Mapping[str, str]]:
    """An error -> the problem to send, and the response's headers. Errors that are not the client's are logged."""
    status, detail, headers = _explain(error)
    phrase = HTTPStatus(status).phrase
    details = ProblemDetails(
        type="about:blank", title=phrase, status=status, detail=detail, request_id=request_id.get() or None
    )
    return details, headers


def _explain(error: Exception) -> tuple[int, str, Mapping[str, str]]:
    match error:
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
    return {status: {"description": _MEANING[status], "content": {MEDIA_TYPE: _example(status)}} for status in statuses}


def _example(status: int) -> dict[str, Any]:
    details = ProblemDetails(
        type="about:blank", title=HTTPStatus(status).phrase, status=status, detail=_MEANING[status], request_id="5f1c"
    )
    return {"schema": ProblemDetails.model_json_schema(), "example": details.model_dump()}


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every expected kind of error with a problem; unexpected ones are left to `RequestLog`."""

    async def handle(_: Request, error: Exception) -> JSONResponse:
        return problem(error)

    for kind in _EXPECTED:
        app.add_exception_handler(kind, handle)
