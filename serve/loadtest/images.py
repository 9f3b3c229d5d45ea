"""Image files to send: drawn figures, and files with a header but no pixels."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from unipose.datasets.synthetic.images import draw_image


def draw_photo(kind: str, size_wh: tuple[int, int]) -> bytes:
    """An image file of this format (Pillow's name) and size; always the same figure."""
    file = io.BytesIO()
    Image.fromarray(draw_image(np.random.default_rng(0), size_wh)[0]).save(file, kind, quality=90)
    return file.getvalue()


def truncated_png(size_wh: tuple[int, int]) -> bytes:
    """A PNG file whose header gives this size, and which ends where its pixels would begin."""
    header = b"IHDR" + struct.pack(">IIBBBBB", *size_wh, 8, 2, 0, 0, 0)
    chunks = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + struct.pack(">I", 2**20) + b"IDAT"
    return b"\x89PNG\r\n\x1a\n" + chunks
