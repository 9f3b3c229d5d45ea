"""Signature: the words inside a file by which one that UniPose made is known."""

import zlib
from pathlib import Path

_HEAD = 100  # bytes, within which it is
_PNG, _PNG_HEADER = b"\x89PNG\r\n\x1a\n", 33  # a PNG's first bytes, and where its first chunk, the header, ends


def signature(kind: str) -> str:
    """What is written into files of a kind, as "overlay", and into no others."""
    return f"made by UniPose: {kind}"


def signed(picture: bytes, kind: str) -> bytes:
    """A JPEG or PNG file -> the same with a signature as a comment, after its first segment or chunk."""
    text = signature(kind).encode()
    if picture.startswith(_PNG):
        chunk = b"tEXtComment\0" + text
        whole = (len(chunk) - 4).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
        return picture[:_PNG_HEADER] + whole + picture[_PNG_HEADER:]
    end = 4 + int.from_bytes(picture[4:6], "big")
    return picture[:end] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + picture[end:]


def is_signed(path: Path, kind: str) -> bool:
    """Whether a file, a picture or a text, has the signature at its beginning."""
    with path.open("rb") as file:
        return signature(kind).encode() in file.read(_HEAD)
