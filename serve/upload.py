"""Upload: what a request brings, an image's bytes and perhaps boxes, out of either kind of body."""

from dataclasses import dataclass
from typing import Any

from fastapi import HTTPException, Request
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.types import Receive, Scope, Send

from serve.problem import SEND_AN_IMAGE, body_too_large
from unipose.image import SIGNATURES

FIELDS = ("image", "boxes")
FIELD_BYTES = 64 * 1024  # of the text in `boxes`
FORM_BYTES = 2 * FIELD_BYTES  # what a multipart body may have besides its image

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FORM = {
    "schema": {
        "type": "object",
        "required": ["image"],
        "additionalProperties": False,
        "properties": {
            "image": {**_BINARY["schema"], "description": "the image file"},
            "boxes": {
                "type": "string",
                "contentMediaType": "application/json",
                "description": "see the query's `boxes`",
            },
        },
    }
}
_IMAGE_TYPES = [f"image/{kind.lower()}" for kind in dict.fromkeys(SIGNATURES.values())]
REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "description": f"{', '.join(dict.fromkeys(SIGNATURES.values()))}: the first bytes decide, not the content type.",
    "content": {"multipart/form-data": _FORM, **dict.fromkeys([*_IMAGE_TYPES, "application/octet-stream"], _BINARY)},
}


@dataclass(frozen=True)
class Upload:
    image: bytes
    boxes: str | None = None


class BodyLimit(RequestBodyLimitMiddleware):
    """Starlette's limit counts chunked bodies as they come; a declared length is refused here, as a problem."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        declared = Headers(scope=scope).get("content-length", "") if scope["type"] == "http" else ""
        if declared.isdecimal() and int(declared) > self.max_body_size:
            await body_too_large(self.max_body_size)(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


class _InMemory(MultiPartParser):
    spool_max_size = 2**40  # the body is limited and wanted as bytes: no detour over the disk
    complete = False

    def on_end(self) -> None:
        self.complete = True


async def read_upload(request: Request) -> Upload:
    """Raises HTTPException 422 for a body without an image or a form with other fields."""
    multipart = request.headers.get("content-type", "").lower().startswith("multipart/form-data")
    upload = await _read_form(request) if multipart else Upload(await request.body())
    if not upload.image:
        raise HTTPException(422, f"the image is empty; {SEND_AN_IMAGE}")
    return upload


async def _read_form(request: Request) -> Upload:
    parser = _InMemory(request.headers, request.stream(), max_files=1, max_fields=4, max_part_size=FIELD_BYTES)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise HTTPException(422, f"the multipart form cannot be read: {error.message}") from error
    try:
        if not parser.complete:
            raise HTTPException(422, "the multipart form ends before its last boundary")
        return await _read_fields(form)
    finally:
        await form.close()


async def _read_fields(form: FormData) -> Upload:
    names = [name for name, _ in form.multi_items()]
    if wrong := [name for name in names if name not in FIELDS or names.count(name) > 1]:
        raise HTTPException(422, f"field {wrong[0][:40]!r}: a form has the fields {' and '.join(FIELDS)}, each once")
    image, boxes = form.get("image"), form.get("boxes")
    if not isinstance(image, UploadFile):
        raise HTTPException(422, f"there is no file in field `image`; {SEND_AN_IMAGE}")
    assert not isinstance(boxes, UploadFile), "the parser lets one file pass"
    return Upload(await image.read(), boxes)
