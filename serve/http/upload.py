"""Request bodies: images, and boxes, from a multipart form, from JSON or from a body that is the file."""

import json
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fastapi import HTTPException, Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from serve.http.errors import SEND_AN_IMAGE
from serve.http.schemas import PoseBody
from unipose.core.file_kinds import SIGNATURES

FIELD_BYTES = 64 * 1024  # of the text in `boxes`
FORM_BYTES = 2 * FIELD_BYTES  # allowance for everything in a multipart body besides its images

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_IMAGE = {**_BINARY["schema"], "description": "the image file"}
_BOXES = {"type": "string", "contentMediaType": "application/json", "description": "see the query's `boxes`"}
_KINDS = ", ".join(dict.fromkeys(SIGNATURES.values()))
_IMAGE_TYPES = [f"image/{kind.lower()}" for kind in dict.fromkeys(SIGNATURES.values())]


def _form(**properties: Any) -> dict[str, Any]:
    required = [next(iter(properties))]
    return {
        "schema": {
            "type": "object", "required": required, "additionalProperties": False, "properties": properties,
        }
    }  # fmt: skip


REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "description": f"{_KINDS}: the first bytes decide, not the content type.",
    "content": {
        "multipart/form-data": _form(image=_IMAGE, boxes=_BOXES),
        "application/json": {"schema": PoseBody.model_json_schema(ref_template="#/components/schemas/{model}")},
        **dict.fromkeys([*_IMAGE_TYPES, "application/octet-stream"], _BINARY),
    },
}
BATCH_BODY: dict[str, Any] = {
    "required": True,
    "description": f"{_KINDS} files, each as a part `images`.",
    "content": {"multipart/form-data": _form(images={"type": "array", "minItems": 1, "items": _IMAGE})},
}

VIDEO_BODY: dict[str, Any] = {
    "required": True,
    "description": "MP4, MOV, WebM, Matroska or AVI: the first bytes decide, not the content type.",
    "content": {
        "multipart/form-data": _form(video={**_BINARY["schema"], "description": "the video file"}),
        **dict.fromkeys(["video/mp4", "video/webm", "application/octet-stream"], _BINARY),
    },
}

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True)
class Upload:
    """`boxes`: as JSON text. `options`: those of the query that came in the body."""

    image: bytes
    boxes: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


class _InMemoryParser(MultiPartParser):
    spool_max_size = 2**40  # never to disk: the body's size is limited already
    complete = False

    def on_part_begin(self) -> None:
        super().on_part_begin()
        self._charset = "utf-8"  # or the client could choose any of Python's codecs, some of which fail or are slow

    def on_end(self) -> None:
        self.complete = True


async def read_upload(request: Request) -> Upload:
    """The body of `POST /pose`. Raises HTTPException 422 where it has no image, or other fields than it may have."""
    if _is_form(request):
        upload = await _read_form(request)
    else:
        body = await request.body()
        upload = _from_json(body) if is_json(request.headers) and body.lstrip()[:1] == b"{" else Upload(body)
    if not upload.image:
        raise HTTPException(422, f"the image is empty; {SEND_AN_IMAGE}")
    return upload


async def read_images(request: Request, max_images: int) -> list[bytes]:
    """The 1 to `max_images` files in a form's field `images`. Raises HTTPException 422 for anything else."""
    if not _is_form(request):
        raise HTTPException(422, "send a multipart form: curl -F images=@1.jpg -F images=@2.jpg")
    form = await _parse(request, max_files=max_images, max_fields=4)
    try:
        files = [file for _, file in form.multi_items() if isinstance(file, UploadFile)]
        if wrong := [name for name, value in form.multi_items() if name != "images" or value not in files]:
            raise HTTPException(422, f"field {wrong[0][:40]!r}: a form has files in the field images, nothing else")
        if not files:
            raise HTTPException(422, "there is no file in field `images`: curl -F images=@1.jpg -F images=@2.jpg")
        return [await file.read() for file in files]
    finally:
        await form.close()


async def read_file(request: Request, name: str) -> bytes:
    """The file in a form's field `name`, or the whole body. Raises HTTPException 422 where there is none."""
    if not _is_form(request):
        data = await request.body()
    else:
        form = await _parse(request, max_files=1, max_fields=1)
        try:
            file = form.get(name)
            if not isinstance(file, UploadFile) or len(form) > 1:
                raise HTTPException(422, f"a form has the file in field `{name}`: curl -F {name}=@file")
            data = await file.read()
        finally:
            await form.close()
    if not data:
        raise HTTPException(422, f"the {name} is empty; send the file as the body, or as field `{name}` of a form")
    return data


def is_json(headers: Headers) -> bool:
    return headers.get("content-type", "").lower().partition(";")[0].strip() == "application/json"


def parse_body(model: type[T], body: bytes) -> T:
    """A JSON body. Raises HTTPException 422 that names the field where it is not as `model` has it."""
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the body"
        raise HTTPException(422, f"{place}: {first['msg'].removeprefix('Value error, ')}") from error


def _from_json(body: bytes) -> Upload:
    given = parse_body(PoseBody, body)
    options = given.model_dump(exclude_unset=True, exclude={"image", "boxes"})
    return Upload(given.image, None if given.boxes is None else json.dumps(given.boxes), options)


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


async def _parse(request: Request, max_files: int, max_fields: int) -> FormData:
    """Raises HTTPException 422 for a form that is malformed or incomplete."""
    parser = _InMemoryParser(
        request.headers, request.stream(), max_files=max_files, max_fields=max_fields, max_part_size=FIELD_BYTES
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise HTTPException(422, f"the multipart form cannot be read: {error.message}") from error
    if not parser.complete:
        await form.close()
        raise HTTPException(422, "the multipart form ends before its last boundary")
    return form


async def _read_form(request: Request) -> Upload:
    form = await _parse(request, max_files=1, max_fields=4)
    try:
        return await _read_fields(form)
    finally:
        await form.close()


async def _read_fields(form: FormData) -> Upload:
    names = [name for name, _ in form.multi_items()]
    if wrong := [name for name in names if name not in ("image", "boxes") or names.count(name) > 1]:
        raise HTTPException(422, f"field {wrong[0][:40]!r}: a form has the fields image and boxes, each once")
    image, boxes = form.get("image"), form.get("boxes")
    if not isinstance(image, UploadFile):
        raise HTTPException(422, f"there is no file in field `image`; {SEND_AN_IMAGE}")
    assert not isinstance(boxes, UploadFile), "the parser accepts one file only"
    return Upload(await image.read(), boxes)
