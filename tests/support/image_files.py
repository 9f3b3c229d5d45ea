"""Image files, built byte by byte where no library would write them that way."""

import io
import struct
import zlib

import numpy as np
from PIL import ExifTags, Image

from tests.support.bright_service import SIZE, SPOT, spot

PHOTO = Image.fromarray(spot(SIZE, SPOT))


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


PNG = encoded(PHOTO, "PNG")


def exif_orientation(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[ExifTags.Base.Orientation] = orientation
    return tags


def whole(kind: str) -> bytes:
    """The photo with noise, so that its data are spread over the whole file."""
    noisy = np.asarray(PHOTO).astype(int) + np.random.default_rng(0).integers(0, 24, PHOTO.size[::-1])
    options = {"compression": "tiff_lzw"} if kind == "TIFF" else {}
    return encoded(Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).convert("RGB"), kind, **options)


def chunk(name: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(size_wh: tuple[int, int], *chunks: bytes, pixels: bytes | None = None) -> bytes:
    """An RGB file with extra chunks before its pixels, which are black by default."""
    width, height = size_wh
    pixels = bytes((3 * width + 1) * height) if pixels is None else pixels
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND")


def tiff(pixels: bytes, *changes: tuple[int, int, int], size: int = 64) -> bytes:
    """A square RGB file compressed by zlib. `changes` are tags (number, type, value) that replace the usual ones; one
    given twice is written twice.
    """
    usual = {256: (4, size), 257: (4, size), 258: (3, 8), 259: (3, 8), 262: (3, 2), 273: (4, 0), 277: (3, 3)}
    usual |= {278: (4, size), 279: (4, 0), 284: (3, 1)}
    packed = zlib.compress(pixels)
    names = [number for number, _, _ in changes]
    if 322 in names:  # tiles have an offset and a length of their own
        usual = {n: v for n, v in usual.items() if n not in (273, 278, 279)} | {324: (4, 0), 325: (4, 0)}
    rows = [(n, *v) for n, v in usual.items() if names.count(n) != 1] + list(changes)
    offset = 8 + 2 + 12 * len(rows) + 4
    place = {273: offset, 324: offset, 279: len(packed), 325: len(packed)}
    entries = b"".join(struct.pack("<HHII", n, k, 1, place.get(n, v)) for n, k, v in sorted(rows, key=lambda r: r[0]))
    return b"II*\0" + struct.pack("<IH", 8, len(rows)) + entries + bytes(4) + packed


def bmp(size_wh: tuple[int, int], runs: bytes = b"", coding: int = 1) -> bytes:
    """8 bits per pixel; `coding` 1 is run-length coding, 0 none."""
    head = struct.pack("<IiiHHIIiiII", 40, *size_wh, 1, 8, coding, 0, 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + 40 + 1024) + head + bytes(1024) + runs


def segment(code: int, data: bytes) -> bytes:
    return bytes([0xFF, code]) + struct.pack(">H", len(data) + 2) + data


def jpeg(*segments: bytes, **options) -> bytes:
    """The photo with extra segments at the start of the file."""
    data = encoded(PHOTO, "JPEG", **options)
    return data[:2] + b"".join(segments) + data[2:]


def scans(number: int) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    data = encoded(Image.new("RGB", (400, 400)), "JPEG", progressive=True)
    last = data[data.rfind(b"\xff\xda") : -2]
    return data[:-2] + last * number + data[-2:]


def exif(*entries: tuple[int, int, int, int], data: bytes = b"") -> bytes:
    """EXIF data whose first directory has these (tag, type, count, value), followed by more bytes."""
    rows = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + rows + bytes(4) + data


def animated(kind: str, frames: int, **options) -> bytes:
    first, *others = (PHOTO.convert("RGB").rotate(angle) for angle in range(frames))
    return encoded(first, kind, save_all=True, append_images=others, **options)


def turned(orientation: int, kind: str, **options) -> bytes:
    """The photo as a camera held that way stores it, with its EXIF orientation."""
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    stored = PHOTO.transpose(back[orientation]) if orientation in back else PHOTO
    return encoded(stored, kind, exif=exif_orientation(orientation), **options)


def tiled_photo() -> bytes:
    """The photo as a TIFF whose tiles extend beyond its edges."""
    side, size = 64, 192
    photo = np.zeros((size, size + side, 3), np.uint8)
    photo[: SIZE[1], : SIZE[0]] = np.asarray(PHOTO)[:size, :, None]
    tiles = [
        photo[y : y + side, x : x + side].tobytes() for y in range(0, size, side) for x in range(0, size + side, side)
    ]
    head = 8 + 2 + 12 * 10 + 4
    tags = {256: SIZE[0], 257: SIZE[1], 258: 8, 259: 1, 262: 2, 277: 3, 322: side, 323: side, 324: head, 325: 0}
    offsets = [head + 8 * len(tiles) + sum(map(len, tiles[:i])) for i in range(len(tiles))]
    rows = b""
    for tag, value in tags.items():
        count = len(tiles) if tag in (324, 325) else 1
        rows += struct.pack("<HHII", tag, 4, count, head + 4 * len(tiles) if tag == 325 else value)
    lists = struct.pack(f"<{len(tiles)}I", *offsets) + struct.pack(f"<{len(tiles)}I", *map(len, tiles))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + rows + bytes(4) + lists + b"".join(tiles)
