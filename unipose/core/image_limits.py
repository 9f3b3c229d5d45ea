"""Decompression bombs: image files whose structure makes decoding cost far more time or memory than their pixels."""

import re
import struct
from collections.abc import Callable

# Far above what encoders write. Pillow walks through a file's parts one by one in Python.
MAX_PARTS = 20_000  # segments of a JPEG, or chunks of a PNG
MAX_SCANS = 100  # of a JPEG, libtiff's limit: a scan of twelve bytes costs a pass over all pixels
MAX_TEXTS = 8  # compressed texts of a PNG: each may unpack to four megabytes
MAX_VALUES = 200_000  # in a TIFF's tags
MAX_RUN_LENGTH_PIXELS = 1_000_000  # of a run-length coded BMP, which Pillow decodes in Python
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # none of these occurs in a JPEG's entropy-coded data
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA  # JPEG markers SOI, EOI and SOS
_SHORT, _LONG = 3, 4  # TIFF number types
_BYTE_TYPES = (1, 2, 6, 7)
_WIDTH, _HEIGHT, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 322, 323


def find_excess(data: bytes, kind: str, max_pixels: int) -> str | None:
    """What a file of this format (Pillow's name) has too much of, such as "20 scans; at most 10 are accepted", or None.

    Raises struct.error, IndexError or KeyError where the file's structure is damaged.
    """
    return _FINDERS[kind](data, max_pixels)


def _jpeg(data: bytes, _: int) -> str | None:
    at, parts, scans = 2, 0, 0
    while parts <= MAX_PARTS and scans <= MAX_SCANS and at < len(data):
        marker = _MARKER.search(data, at)
        start = marker.start() if marker else len(data)
        parts += 1 if scans else 1 + start - at  # Pillow walks through bytes between segments one by one
        code = data[start + 1] if marker else _END
        if code == _END and scans:
            break
        scans += code == _SCAN
        at = start + 2
        if code >= 0xC0 and code not in (_START, _END):  # lower codes have no length field: the next marker follows
            at += int.from_bytes(data[at : at + 2])
    return _too_many(parts, MAX_PARTS, "segments") or _too_many(scans, MAX_SCANS, "scans")


def _png(data: bytes, _: int) -> str | None:
    at, parts, texts, name = 8, 0, 0, b""
    while parts <= MAX_PARTS and name != b"IEND" and at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        at += 12 + length
        parts += 1
        texts += name in (b"zTXt", b"iTXt")
    return _too_many(parts, MAX_PARTS, "chunks") or _too_many(texts, MAX_TEXTS, "texts")


def _bmp(data: bytes, _: int) -> str | None:
    header, width, height = struct.unpack_from("<Iii", data, 14)
    if header < 40 or struct.unpack_from("<I", data, 30)[0] not in (1, 2):
        return None
    return _too_many(width * abs(height), MAX_RUN_LENGTH_PIXELS, "run-length coded pixels")


def _tiff(data: bytes, max_pixels: int) -> str | None:
    """The largest value of a repeated tag counts: Pillow and libtiff may each use another one."""
    order = "<" if data.startswith(b"II") else ">"
    [at] = struct.unpack_from(f"{order}I", data, 4)
    [tags] = struct.unpack_from(f"{order}H", data, at)
    values, sizes = 0, dict.fromkeys((_WIDTH, _HEIGHT, _TILE_WIDTH, _TILE_HEIGHT), 0)
    for entry in range(at + 2, at + 2 + 12 * tags, 12):
        tag, kind, count = struct.unpack_from(f"{order}HHI", data, entry)
        values += 0 if kind in _BYTE_TYPES else count
        if tag in sizes:
            [value] = struct.unpack_from(order + {_SHORT: "H", _LONG: "I"}[kind], data, entry + 8)
            sizes[tag] = max(sizes[tag], value)
    return (
        _too_many(sizes[_WIDTH] * sizes[_HEIGHT], max_pixels, "pixels")
        or _too_many(sizes[_TILE_WIDTH] * sizes[_TILE_HEIGHT], max_pixels, "pixels in a tile")
        or _too_many(values, MAX_VALUES, "values in its tags")
    )


def _webp(data: bytes, _: int) -> str | None:
    return None


def _too_many(number: int, limit: int, what: str) -> str | None:
    return f"{number:,} {what}; at most {limit:,} are accepted" if number > limit else None


_FINDERS: dict[str, Callable[[bytes, int], str | None]] = {
    "JPEG": _jpeg, "PNG": _png, "BMP": _bmp, "TIFF": _tiff, "WEBP": _webp,
}  # fmt: skip
