"""Photos: drawn figures as image files, and files that only begin like one."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from unipose.datasets.synthetic.images import draw_image


def draw_photo(kind: str, size_wh: tuple[int, int]) -> bytes:
    """An image file of this kind and size, always the same."""
    file = io.BytesIO()
    Image.fromarray(draw_image(np.random.default_rng(0), size_wh)[0]).save(file, kind, quality=90)
    return file.getvalue()


def claim(size_wh: tuple[int, int]) -> bytes:
    """A PNG file whose header promises so many pixels, and which ends where they would begin."""
    header = b"IHDR" + struct.pack(">IIBBBBB", *size_wh, 8, 2, 0, 0, 0)
    chunks = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + struct.pack(">I", 2**20) + b"IDAT"
    return b"\x89PNG\r\n\x1a\n" + chunks
