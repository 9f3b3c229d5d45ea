"""Upload: what a request brings, images' bytes and perhaps boxes, out of either kind of body."""

from dataclasses import dataclass
from typing import Any

from fastapi import HTTPException, Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from serve.http.errors import SEND_AN_IMAGE
from unipose.core.image import SIGNATURES

FIELD_BYTES = 64 * 1024  # of the text in `boxes`
FORM_BYTES = 2 * FIELD_BYTES  # what a multipart body may have besides its images

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
        **dict.fromkeys([*_IMAGE_TYPES, "application/octet-stream"], _BINARY),
    },
}
BATCH_BODY: dict[str, Any] = {
    "required": True,
    "description": f"{_KINDS} files, each as a part `images`.",
    "content": {"multipart/form-data": _form(images={"type": "array", "minItems": 1, "items": _IMAGE})},
}


@dataclass(frozen=True)
class Upload:
    image: bytes
    boxes: str | None = None


class _InMemory(MultiPartParser):
    spool_max_size = 2**40  # the body is limited and wanted as bytes: no detour over the disk
    complete = False

    def on_part_begin(self) -> None:
        super().on_part_begin()
        self._charset = "utf-8"  # not the client's choice among Python's codecs, of which some fail and some are slow

    def on_end(self) -> None:
        self.complete = True


async def read_upload(request: Request) -> Upload:
    """Raises HTTPException 422 for a body without an image or a form with other fields."""
    upload = await _read_form(request) if _is_form(request) else Upload(await request.body())
    if not upload.image:
        raise HTTPException(422, f"the image is empty; {SEND_AN_IMAGE}")
    return upload


async def read_images(request: Request, most: int) -> list[bytes]:
    """The files of a form's parts `images`, in order. Raises HTTPException 422 for anything else."""
    if not _is_form(request):
        raise HTTPException(422, "send a multipart form: curl -F images=@1.jpg -F images=@2.jpg")
    form = await _parse(request, max_files=most, max_fields=4)
    try:
        files = [file for _, file in form.multi_items() if isinstance(file, UploadFile)]
        if wrong := [name for name, value in form.multi_items() if name != "images" or value not in files]:
            raise HTTPException(422, f"field {wrong[0][:40]!r}: a form has files in the field images, nothing else")
        if not files:
            raise HTTPException(422, "there is no file in field `images`: curl -F images=@1.jpg -F images=@2.jpg")
        return [await file.read() for file in files]
    finally:
        await form.close()


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


async def _parse(request: Request, max_files: int, max_fields: int) -> FormData:
    """Raises HTTPException 422 for a form that cannot be read or is not complete."""
    parser = _InMemory(
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
    assert not isinstance(boxes, UploadFile), "the parser lets one file pass"
    return Upload(await image.read(), boxes)
