"""Generated hostile and unusual image files: for each category a function that yields names and bytes."""

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.support import image_files as files
from tests.support.bright_service import SIZE
from tests.support.image_files import PHOTO, PNG, bmp, chunk, encoded, exif, jpeg, png, segment, tiff

Files = Iterator[tuple[str, bytes]]


def truncated(kind: str) -> Files:
    data = files.whole(kind)
    for tenth in range(1, 10):
        yield f"{kind} cut at {tenth}0%", data[: len(data) * tenth // 10]


def flipped(kind: str, times: int = 6) -> Files:
    random = np.random.default_rng(7)
    for number in range(times):
        data = bytearray(files.whole(kind))
        for place in random.integers(0, len(data) if number % 2 else 200, 4):
            data[place] ^= 1 << random.integers(8)
        yield f"{kind} with bits flipped {number}", bytes(data)


def upright() -> Files:
    """Files that show the photo upright, some of them after EXIF rotation."""
    for orientation in range(1, 9):
        yield f"JPEG with EXIF orientation {orientation}", files.turned(orientation, "JPEG", quality=95)
    yield "PNG with EXIF orientation 6", files.turned(6, "PNG")
    yield "WebP with EXIF orientation 6", files.turned(6, "WEBP", quality=95)
    yield "TIFF with orientation 6", files.turned(6, "TIFF")
    for value in (0, 9, 65535):
        yield f"JPEG with EXIF orientation {value}", files.turned(value, "JPEG", quality=95)
    for mode, kind in (("L", "JPEG"), ("CMYK", "JPEG"), ("CMYK", "TIFF"), ("P", "PNG"), ("P", "BMP"), ("LA", "PNG")):
        yield f"{kind} in mode {mode}", encoded(PHOTO.convert(mode), kind)
    for kind in ("PNG", "WEBP", "TIFF", "BMP"):
        yield f"{kind} in mode RGBA", encoded(PHOTO.convert("RGBA"), kind, **{"WEBP": {"lossless": True}}.get(kind, {}))
    deep = Image.fromarray(np.asarray(PHOTO).astype(np.uint16) * 257)
    yield "PNG with 16 bits", encoded(deep, "PNG")
    yield "TIFF with 16 bits", encoded(deep, "TIFF")
    yield "progressive JPEG", encoded(PHOTO, "JPEG", progressive=True, quality=95)
    yield "JPEG with an embedded JPEG", jpeg(segment(0xE1, b"Exif\0\0" + exif() + files.whole("JPEG")[:60_000]))
    yield "JPEG with other files after its end", encoded(PHOTO, "JPEG") + png((64, 64)) + b"PK\3\4" + bytes(1000)
    yield "PNG with 12 frames", files.animated("PNG", 12)
    yield "WebP with 100 frames", files.animated("WEBP", 100, lossless=True)
    yield "TIFF with 3 frames", files.animated("TIFF", 3)
    yield "TIFF in tiles", files.tiled_photo()
    for what, tags in bad_exif():
        yield f"JPEG with EXIF {what}", jpeg(segment(0xE1, b"Exif\0\0" + tags))
        yield f"PNG with EXIF {what}", PNG.replace(PNG[33:], chunk(b"eXIf", tags) + PNG[33:])


def bad_exif() -> Files:
    """EXIF data with no usable orientation."""
    yield "that is empty", b""
    yield "that is none", b"junk"
    yield "cut in its head", b"II*\0\x08"
    yield "cut in its tags", exif((274, 3, 1, 1))[:-10]
    yield "at an offset beyond its end", b"MM\0*\xff\xff\xff\xff"
    yield "that says orientation in words", exif((274, 2, 4, int.from_bytes(b"six\0", "little")))
    yield "with 2^31 orientations", exif((274, 3, 2**31, 26))
    yield "with four orientations", exif((274, 3, 4, 26), data=struct.pack("<4H", 1, 6, 6, 6))
    yield "with a fraction by zero", exif((274, 5, 1, 26), data=struct.pack("<II", 1, 0))
    yield "of directories in a circle", exif((34665, 4, 1, 8), (34853, 4, 1, 8))


def odd() -> Files:
    """Readable files with arbitrary content."""
    yield "PNG of 1 x 1", png((1, 1))
    yield "PNG of 1 x 20,000", png((1, 20_000))
    yield "PNG of 20,000 x 1", png((20_000, 1))
    yield "JPEG of 1 x 1", encoded(Image.new("RGB", (1, 1)), "JPEG")
    yield "BMP of 20,000 x 1", encoded(Image.new("L", (20_000, 1)), "BMP")
    yield "PNG in mode 1", encoded(PHOTO.convert("1"), "PNG")
    yield "TIFF in mode 1", encoded(PHOTO.convert("1"), "TIFF", compression="group4")
    yield "transparent WebP", encoded(Image.new("RGBA", SIZE), "WEBP")
    yield "BMP in runs", bmp((300, 200), b"\xff\1\x2d\1\0\0" * 200 + b"\0\1")
    yield "PNG with more pixels than it says", png((64, 64), pixels=bytes(10_000_000))
    yield "PNG with a profile that is none", png((64, 64), chunk(b"iCCP", b"name\0\0junk"))
    yield "PNG with two headers", png((64, 64), chunk(b"IHDR", struct.pack(">IIBBBBB", 60, 60, 8, 2, 0, 0, 0)))


def unreadable() -> Files:
    """Files that begin like images but cannot be read."""
    for kind, signature in (("JPEG", b"\xff\xd8\xff"), ("PNG", b"\x89PNG\r\n\x1a\n"), ("BMP", b"BM")):
        yield f"{kind}'s first bytes alone", signature
        yield f"{kind}'s first bytes and zeros", signature + bytes(5000)
        yield f"{kind}'s first bytes and ones", signature + b"\xff" * 5000
    yield "TIFF's first bytes alone", b"II*\0"
    yield "TIFF whose directory is itself", b"MM\0*" + struct.pack(">IHHHIII", 8, 1, 254, 4, 1, 0, 8)
    yield "TIFF with 65,535 tags", b"II*\0" + struct.pack("<IH", 8, 65535) + bytes(1000)
    yield "WebP's first bytes alone", b"RIFF\4\0\0\0WEBP"
    yield "WebP of 4 GB, it says", b"RIFF\xff\xff\xff\xff" + encoded(PHOTO, "WEBP")[8:]
    for size in ((0, 0), (0, 9), (9, 0)):
        yield f"PNG of {size[0]} x {size[1]}", png(size)
        yield f"BMP of {size[0]} x {size[1]}", bmp(size, coding=0)
    yield "TIFF of 0 x 0", tiff(b"", size=0)
    yield "JPEG of 0 x 0", encoded(PHOTO, "JPEG").replace(struct.pack(">HH", *SIZE[::-1]), bytes(4))
    yield "TIFF of floats", encoded(PHOTO.convert("F"), "TIFF")
    yield "TIFF of 32-bit numbers", encoded(PHOTO.convert("I"), "TIFF")
    yield "PNG with 100 MB of zTXt", png((64, 64), chunk(b"zTXt", b"key\0\0" + zlib.compress(bytes(100_000_000))))
    yield "PNG with 100 MB of iCCP", png((64, 64), chunk(b"iCCP", b"key\0\0" + zlib.compress(bytes(100_000_000))))
    yield "PNG whose pixels are none", png((64, 64)).replace(b"IDAT", b"IDAT" + bytes(9))
    yield "PNG with a wrong checksum", png((64, 64)).replace(b"IHDR", b"IHDr")


def other_files() -> Files:
    """Files in formats that are not read."""
    yield "GIF", encoded(PHOTO, "GIF")
    yield "JPEG 2000", encoded(PHOTO, "JPEG2000")
    yield "ICO", encoded(PHOTO, "ICO")
    yield "EPS", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"
    yield "PDF", b"%PDF-1.7\n1 0 obj\n"
    yield "SVG", b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
    yield "SVG with entities", b'<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>'
    yield "HTML", b"<!doctype html><script>alert(1)</script>"
    yield "JSON", b'{"image": "aGVsbG8="}'
    yield "ELF", b"\x7fELF\2\1\1" + bytes(100)
    yield "zip", b"PK\3\4" + bytes(100)
    yield "MP4", b"\0\0\0\x20ftypisom" + bytes(100)
    yield "AVI, a RIFF too", b"RIFF" + struct.pack("<I", 100) + b"AVI " + bytes(100)
    yield "AVIF", b"\0\0\0\x1cftypavif" + bytes(100)
    yield "BigTIFF", b"II+\0\x08\0\0\0" + bytes(100)
    yield "a path", b"/etc/passwd"
    yield "one byte", b"\xff"
    yield "a signature after a space", b" " + files.whole("PNG")
    yield "zeros", bytes(100_000)


def heavy() -> Files:
    """Files that cost the most to decode within the limits, with 250,000 pixels."""
    noise = np.random.default_rng(0).integers(0, 256, (500, 500, 4), np.uint8)
    noise[..., 3] = np.arange(500) // 2
    yield "WebP of 500 x 500 with alpha", encoded(Image.fromarray(noise), "WEBP", quality=50)
    yield "JPEG of 500 x 500", encoded(Image.fromarray(noise[..., :3]), "JPEG", progressive=True)
    yield "PNG of 500 x 500 with alpha", encoded(Image.new("LA", (500, 500)), "PNG")
    yield "TIFF in tiles of 500 x 500", tiff(bytes(3 * 500**2), (322, 4, 500), (323, 4, 500))
    yield "PNG with 8 texts of four megabytes", png((64, 64), chunk(b"iTXt", SMILES) * 8)
    yield "JPEG with 100 scans", files.scans(90)


TEXT = b"key\0\0" + zlib.compress(b"A" * 1_000_000)
SMILES = b"key\0\1\0\0\0" + zlib.compress("\U0001f600".encode() + b"A" * 1_000_000)  # four bytes a character


def bombs() -> Files:
    """Small files: a few hundred kilobytes of the same kind would take hours or gigabytes to decode."""
    yield "PNG of 81 million pixels", png((9000, 9000))
    yield "PNG that claims 2^62 pixels", png((2**31 - 1, 2**31 - 1), pixels=b"")
    yield "PNG with 40 zTXt of a megabyte", png((64, 64), chunk(b"zTXt", TEXT) * 40)
    yield "PNG with 40 iTXt of four megabytes", png((64, 64), chunk(b"iTXt", SMILES) * 40)
    yield "PNG with 24,000 chunks", png((64, 64), chunk(b"teXt") * 24_000)
    yield "PNG with 270 kB of EXIF", png((64, 64), chunk(b"eXIf", exif((274, 5, 33_000, 26), data=bytes(270_000))))
    yield "TIFF that claims 2^64 pixels", tiff(b"", (256, 4, 2**32 - 1), (257, 4, 2**32 - 1))
    yield "TIFF tiles of 8192 x 8192", tiff(bytes(3 * 8192**2), (322, 4, 8192), (323, 4, 8192))
    yield "TIFF with two widths", tiff(b"", (256, 4, 50_000), (256, 4, 64), (257, 4, 50_000), (257, 4, 64))
    yield "TIFF with a million values", tiff(bytes(3 * 64**2)).replace(*_million_values())
    yield "BMP that claims 2^62 pixels", bmp((2**31 - 1, 2**31 - 1))
    yield "WebP that claims 2^28 pixels", _large_webp()
    yield "JPEG with 3,000 scans", files.scans(3000)
    yield "JPEG with 60,000 segments", jpeg(segment(0xFE, b"") * 60_000)
    yield "JPEG with 200,000 bytes of filling", jpeg(b"\xff" * 200_000)


def _million_values() -> tuple[bytes, bytes]:
    return struct.pack("<HHI", 284, 3, 1), struct.pack("<HHI", 284, 3, 1_000_000)


def _large_webp() -> bytes:
    size = (2**14 - 1).to_bytes(3, "little")
    body = b"VP8X" + struct.pack("<I", 10) + bytes(4) + size + size + encoded(PHOTO, "WEBP")[12:]
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
