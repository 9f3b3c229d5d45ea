"""Images: decode within limits, encode, warp by an affine map, normalise."""

import io
import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from unipose.core.file_kinds import IMAGE_FORMATS, image_format, other_kind
from unipose.core.geometry import Affine
from unipose.core.image_limits import find_excess
from unipose.core.types import RGB, Float32

_MAX_EXIF_BYTES = 256 * 1024  # every number in it becomes a Python object; cameras write up to 64 KB
_MOVING = ("PNG", "WEBP", "TIFF")  # formats of which a file may hold several frames or pages
# EXIF orientations of images whose sides are swapped, and that are mirrored left to right or upside down after that.
SWAPPED, MIRRORED, UPSIDE_DOWN = (5, 6, 7, 8), (2, 3, 6, 7), (3, 4, 7, 8)
_GREY_16_BIT = ("I;16", "I;16L", "I;16B", "I;16N")
# What Pillow raises on damaged data, depending on the format and on where the damage is.
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, TypeError, IndexError, KeyError, AttributeError, struct.error)


class ImageTooLarge(ValueError):
    """More bytes or pixels than the limits allow, or too much of what makes decoding slow (`image_limits`)."""


class NotAnImage(ValueError):
    """The first bytes match no supported format."""


class DamagedImage(ValueError):
    """The file begins like an image but cannot be decoded."""


ImageFile = bytes | bytearray | memoryview | str | os.PathLike[str] | BinaryIO
"""An image file's bytes or path, or the file opened to read bytes."""


@dataclass(frozen=True)
class Limits:
    """What `read_image` accepts; the number of pixels is read from the header before anything is decoded."""

    max_bytes: int = 32 * 2**20
    max_pixels: int = 50_000_000


def read_image(source: ImageFile, limits: Limits | None = None) -> RGB:
    """Decode an image and rotate it upright by its EXIF orientation -> (H, W, 3) uint8 RGB.

    >>> image = unipose.read_image("photo.jpg")
    >>> image.shape, image.dtype
    ((480, 384, 3), dtype('uint8'))

    Alpha is blended over white, 16-bit grey is scaled to 8 bits, and of several frames or pages the first is returned.
    Raises ImageTooLarge, NotAnImage or DamagedImage (all ValueError); OSError where a path cannot be read.
    """
    return open_image(source, limits).decode()


def open_image(source: ImageFile, limits: Limits | None = None) -> "OpenImage":
    """Read an image's header and check it against the limits; raises as `read_image` does."""
    limits = limits or Limits()
    name, data = _read(source, limits.max_bytes)
    kind = image_format(data)
    if kind is None:
        what = other_kind(data)
        raise NotAnImage(f"{name} is not a {IMAGE_FORMATS} file by its first bytes{f', but {what}' if what else ''}")
    with _pillow_errors(name, kind, limits):
        if excess := find_excess(data, kind, limits.max_pixels):
            raise ImageTooLarge(f"{name} has {excess}")
        image = Image.open(io.BytesIO(data), formats=[kind])
        width, height = image.size
        if width * height > limits.max_pixels:
            raise ImageTooLarge(f"{name} has {width} x {height} pixels; at most {limits.max_pixels:,} are accepted")
        if len(image.info.get("exif", b"")) > _MAX_EXIF_BYTES:
            raise ImageTooLarge(f"{name} has more than {_MAX_EXIF_BYTES:,} bytes of EXIF data")
    return OpenImage(image, data, name, kind, limits)


def _read(source: ImageFile, max_bytes: int) -> tuple[str, bytes]:
    """-> an image file's name and bytes. A path is not read where it holds too many, an open file to one too many."""
    if isinstance(source, str | os.PathLike):
        name, path = os.fspath(source), Path(source)
        if path.is_dir():
            raise IsADirectoryError(f"{name} is a folder; name an image in it")
        if re.match("[a-z]{2,}:/", name) and not path.exists():
            raise FileNotFoundError(f"{name} is an address, and none is fetched: download the image first")
        size = path.stat().st_size
        data = b"" if size > max_bytes else path.read_bytes()
    else:
        name = "the image"
        data = source.read(max_bytes + 1) if hasattr(source, "read") else bytes(source)
        if not isinstance(data, bytes):
            raise ValueError(f"a file of an image is opened as bytes, with mode 'rb'; it gave {type(data).__name__}")
        size = len(data)
    if size > max_bytes:
        raise ImageTooLarge(f"{name} has {size:,} bytes; at most {max_bytes:,} are accepted")
    return name, data


def from_pillow(image: Image.Image) -> RGB:
    """Pillow's image -> what `read_image` gives of its file; what was changed since it was opened stays so.

    Raises DamagedImage or ImageTooLarge.
    """
    name = getattr(image, "filename", None) or "the image"
    with _pillow_errors(name, image.format or "Pillow", Limits()):
        return upright(_rgb(image), exif_orientation(image))


class OpenImage:
    """An image file whose header is within the limits; its pixels are not decoded yet."""

    def __init__(self, image: Image.Image, data: bytes, name: str, kind: str, limits: Limits) -> None:
        self.data, self._name, self._kind, self._limits = data, name, kind, limits
        self._image: Image.Image | None = image
        self.size_wh: tuple[int, int] = image.size
        """As stored, before `orientation` is applied."""

    @cached_property
    def orientation(self) -> int:
        """How Pillow's image is to be turned, as `exif_orientation` says it: 1 for a TIFF, which it turns itself.

        A PNG, where it may come last, is decoded. Raises as `decode` does.
        """
        with _pillow_errors(self._name, self._kind, self._limits):
            return 1 if self._kind == "TIFF" else exif_orientation(self._opened())

    def decode(self, shrink: int = 1) -> RGB:
        """The image as `read_image` returns it, or made smaller as it is decoded.

        `shrink` is 1, 2, 4 or 8: so many pixels of a JPEG across and down become one, of which the last of a row or
        column may lie partly outside the image. Other formats, and images with fewer pixels than that, are decoded as
        they are. Raises DamagedImage or ImageTooLarge.
        """
        with _pillow_errors(self._name, self._kind, self._limits), self._opened() as image:
            try:
                if self._kind == "JPEG" and 1 < shrink <= min(image.size):
                    image.draft(None, (image.width // shrink, image.height // shrink))
                return upright(_rgb(image), self.orientation)
            finally:
                self._image = None

    def _opened(self) -> Image.Image:
        """Pillow's image, opened again once it has been decoded: kept, it would hold the pixels a second time."""
        if self._image is None:
            self._image = Image.open(io.BytesIO(self.data), formats=[self._kind])
        return self._image

    def count(self) -> int:
        """How many frames an animation, or pages a TIFF has; 1 for other images. Raises DamagedImage."""
        with _pillow_errors(self._name, self._kind, self._limits):
            return int(getattr(self._opened(), "n_frames", 1)) if self._kind in _MOVING else 1

    def decode_all(self) -> Iterator[tuple[RGB, float | None]]:
        """All frames or pages, as `decode` returns the first, and how many seconds each is shown, where it says so.

        Raises as `decode` does, after those that can be decoded.
        """
        count = self.count()
        with self._opened() as image:
            self._image = None
            # An APNG may begin with a picture for readers that see no animation.
            for number in range(1 if image.info.get("default_image") else 0, count):
                with _pillow_errors(self._name, self._kind, self._limits):
                    image.seek(number)
                    pixels = upright(_rgb(image), exif_orientation(image))
                    duration = image.info.get("duration")
                yield pixels, None if duration is None else max(duration, 0) / 1000


@contextmanager
def _pillow_errors(name: str, kind: str, limits: Limits) -> Iterator[None]:
    """Turns whatever Pillow raises into ImageTooLarge or DamagedImage."""
    try:
        yield
    except ImageTooLarge:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge(f"{name} has too many pixels; at most {limits.max_pixels:,} are accepted") from error
    except UnidentifiedImageError as error:  # its message names a Python object
        raise DamagedImage(f"{name} begins like a {kind} file, but its header is damaged") from error
    except _DAMAGE as error:
        raise DamagedImage(f"{name} is a damaged {kind} file: {error}") from error


def encode_image(image: RGB, suffix: str = ".jpg", quality: int = 92) -> bytes:
    """(H, W, 3) -> the bytes of an image file; `suffix` is ".jpg" or ".png", `quality` is JPEG's, 0 to 100.

    Raises ValueError for an image that the format cannot hold.
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix == ".jpg" else []
    encoded, data = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    if not encoded:
        raise ValueError(f"an image of shape {image.shape} cannot be written as {suffix}")
    return np.asarray(data).tobytes()


def _rgb(image: Image.Image) -> RGB:
    image.load()
    if image.mode in _GREY_16_BIT:
        grey = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.mode in ("I", "F"):
        raise ValueError("32-bit grey pixels have no agreed range; save it with 8 or 16 bits")
    if image.has_transparency_data:
        over = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", over.size, "white"), over)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))  # convert would copy


def exif_orientation(image: Image.Image) -> int:
    """1 for an upright image; 2 to 8: how `read_image` turns or mirrors it."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except (SyntaxError, struct.error):  # damaged EXIF data does not make the pixels unreadable
        return 1
    return value if isinstance(value, int) else 1


def upright(image: RGB, orientation: int) -> RGB:
    """Undo an EXIF orientation (TIFF tag 274: 1 upright, 2-8 mirrored or rotated)."""
    if orientation in SWAPPED:
        image = image.transpose(1, 0, 2)
    if orientation in MIRRORED:
        image = image[:, ::-1]
    if orientation in UPSIDE_DOWN:
        image = image[::-1]
    return np.ascontiguousarray(image)


def warp(image: RGB, affine: Affine, size_wh: tuple[int, int]) -> RGB:
    """Resample by an affine map (image -> output pixels) -> (h, w, 3); black outside the image.

    Only the visible part of the image is read. If the map shrinks it by two or more, it is averaged down first:
    bilinear sampling alone would alias.
    """
    height, width = image.shape[:2]
    corners = affine.inverse()([(-1, -1), (size_wh[0], -1), (-1, size_wh[1]), (size_wh[0], size_wh[1])])
    left, top = (max(0, floor(c)) for c in corners.min(axis=0) - 1)
    right, bottom = (min(limit, ceil(c)) for limit, c in zip((width, height), corners.max(axis=0) + 2, strict=True))
    if left >= right or top >= bottom:
        return np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    affine = affine @ Affine.translate(left, top)
    step = max(1, int(1 / affine.zoom))
    across, down = min(step, right - left), min(step, bottom - top)  # the output may show far more than the image
    columns, rows = ceil((right - left) / across), ceil((bottom - top) / down)
    image = image[top : top + rows * down, left : left + columns * across]
    if max(across, down) >= 2:  # padded to whole cells, which are averaged several times as fast
        pad_bottom, pad_right = rows * down - image.shape[0], columns * across - image.shape[1]
        if pad_bottom or pad_right:
            image = np.asarray(cv2.copyMakeBorder(image, 0, pad_bottom, 0, pad_right, cv2.BORDER_CONSTANT), np.uint8)
        image = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        affine = affine @ Affine.scale(across, down)
    return cv2.warpAffine(image, affine.matrix, size_wh, flags=cv2.INTER_LINEAR).astype(np.uint8, copy=False)


def normalise(images: RGB, mean: tuple[float, ...], std: tuple[float, ...]) -> Float32:
    """(..., h, w, 3) uint8 -> (..., 3, h, w) float32: (value / 255 - mean) / std per channel."""
    *lead, height, width, _ = images.shape
    out = np.empty((*lead, 3, height, width), np.float32)
    for image, planes in zip(images.reshape(-1, height, width, 3), out.reshape(-1, 3, height, width), strict=True):
        for plane, channel, m, s in zip(planes, cv2.split(image), mean, std, strict=True):
            np.multiply(channel, np.float32(1 / (255 * s)), out=plane)
            plane -= np.float32(m / s)
    return out
