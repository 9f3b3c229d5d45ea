"""problem+json (RFC 9457): the one form of every error answer."""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware.body_limit import MAX_BODY_SIZE_SCOPE_KEY
from starlette.requests import ClientDisconnect

from serve.schemas import ProblemDetails
from unipose.image import DamagedImage, ImageTooLarge, NotAnImage

MEDIA_TYPE = "application/problem+json"
SEND_AN_IMAGE = "send the image file as multipart field `image` (curl -F image=@photo.jpg) or as the whole body"
# Where the framework says no more than the status's own words.
_DETAILS = {
    404: "there is nothing at this address; /openapi.json lists what there is",
    405: "this address takes other methods",
}
_MEANING = {
    413: "More bytes or pixels than the service accepts.",
    415: "Not an image by its first bytes, whatever the headers say.",
    422: "No image, a damaged one, or a bad parameter.",
    500: "A fault of the service; its log says more.",
    503: "Not ready yet, or stopping.",
}
_log = logging.getLogger("serve")


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    body = ProblemDetails(type="about:blank", title=HTTPStatus(status).phrase, status=status, detail=detail)
    return JSONResponse(body.model_dump(), status, headers, MEDIA_TYPE)


def body_too_large(max_bytes: int) -> JSONResponse:
    return problem(
        413, f"the request has more than {max_bytes:,} bytes, the most that is accepted; send a smaller image"
    )


def describe(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These statuses' part of an OpenAPI operation, for FastAPI's `responses`."""
    content = {MEDIA_TYPE: {"schema": ProblemDetails.model_json_schema()}}
    return {status: {"description": _MEANING[status], "content": content} for status in statuses}


def answer_problems(app: FastAPI) -> None:
    """Turn every error of an app into a problem."""

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, _DETAILS.get(error.status_code, error.detail), dict(error.headers or {}))

    @app.exception_handler(413)
    async def long_body(request: Request, _: HTTPException) -> JSONResponse:
        return body_too_large(request.scope[MAX_BODY_SIZE_SCOPE_KEY])

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return problem(422, "; ".join(f"{'.'.join(map(str, e['loc'][1:]))}: {e['msg']}" for e in error.errors()))

    @app.exception_handler(ImageTooLarge)
    async def large(_: Request, error: ImageTooLarge) -> JSONResponse:
        return problem(413, str(error))

    @app.exception_handler(NotAnImage)
    async def no_image(_: Request, error: NotAnImage) -> JSONResponse:
        return problem(415, f"{error}; {SEND_AN_IMAGE}")

    @app.exception_handler(DamagedImage)
    async def damaged(_: Request, error: DamagedImage) -> JSONResponse:
        _log.info("%s", error)  # the decoder's words are for us, not for the client
        return problem(422, "the image is damaged: it begins like one, but cannot be decoded; save it anew")

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, error: ClientDisconnect) -> JSONResponse:
        return problem(400, "the connection closed before the whole body came")  # nobody is left to read it

    @app.exception_handler(Exception)
    async def fault(_: Request, error: Exception) -> JSONResponse:
        return problem(500, "the service failed on this request; its log says why")
