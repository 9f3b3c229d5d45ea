"""Images: decode under limits, encode, warp through an affine, normalise."""

import io
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from unipose.core.geometry import Affine
from unipose.core.image_limits import find_excess
from unipose.core.types import RGB, Float32

# Pillow's name of each format we read, by how its files begin.
SIGNATURES: dict[bytes, str] = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"RIFF": "WEBP",
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
}
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")  # by which a folder's images are known
_ORIENTATION_TAG = 0x0112
_EXIF_BYTES = 256 * 1024  # most of EXIF data, whose numbers become objects; cameras write up to 64 KB
# Grey with more than 8 bits: how far to shift into 8.
_DEEP_GREY = {"I;16": 8, "I;16L": 8, "I;16B": 8, "I;16N": 8}
# What Pillow raises on damaged data, by format and place of the damage.
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, TypeError, IndexError, KeyError, AttributeError, struct.error)


class ImageTooLarge(ValueError):
    """More bytes or pixels than the limits allow, or more of what makes decoding long (`image_limits`)."""


class NotAnImage(ValueError):
    """The first bytes are those of no format we read."""


class DamagedImage(ValueError):
    """It begins like an image, but cannot be decoded."""


@dataclass(frozen=True)
class Limits:
    """What `read_image` accepts; pixels are counted from the header, before anything is decoded."""

    max_bytes: int = 32 * 2**20
    max_pixels: int = 50_000_000


def images_in(folder: Path) -> list[Path]:
    """A folder's images, frame10 after frame9. Raises ValueError where there are none."""
    paths = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES]
    if not paths:
        raise ValueError(f"{folder} holds no images ({', '.join(dict.fromkeys(SIGNATURES.values()))})")
    return sorted(paths, key=_natural)


def _natural(path: Path) -> list[tuple[int, str]]:
    return [(int(part or 0), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", path.name)]


def read_image(source: bytes | str | Path, limits: Limits | None = None) -> RGB:
    """Decode an image, turned upright by its EXIF orientation -> (H, W, 3) uint8 RGB.

    Alpha is blended over white; 16-bit grey is scaled to 8 bits; an animation gives its first frame. Raises
    ImageTooLarge, NotAnImage or DamagedImage (all ValueError); OSError where a path cannot be read.
    """
    return open_image(source, limits).decode()


def open_image(source: bytes | str | Path, limits: Limits | None = None) -> "OpenImage":
    """Read an image's header and check it against the limits. Raises what `read_image` raises for a bad header."""
    limits = limits or Limits()
    name = "the image" if isinstance(source, bytes) else str(source)
    size = len(source) if isinstance(source, bytes) else Path(source).stat().st_size
    if size > limits.max_bytes:
        raise ImageTooLarge(f"{name} has {size:,} bytes; at most {limits.max_bytes:,} are accepted")
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    kind = image_format(data)
    if kind is None:
        raise NotAnImage(f"{name} is not a {', '.join(dict.fromkeys(SIGNATURES.values()))} file by its first bytes")
    with _our_errors(name, kind, limits):
        if excess := find_excess(data, kind, limits.max_pixels):
            raise ImageTooLarge(f"{name} has {excess}")
        image = Image.open(io.BytesIO(data), formats=[kind])
        width, height = image.size
        if width * height > limits.max_pixels:
            raise ImageTooLarge(f"{name} has {width} x {height} pixels; at most {limits.max_pixels:,} are accepted")
        if len(image.info.get("exif", b"")) > _EXIF_BYTES:
            raise ImageTooLarge(f"{name} has more than {_EXIF_BYTES:,} bytes of EXIF data")
    return OpenImage(image, name, kind, limits)


class OpenImage:
    """An image file whose header is read and within the limits; none of its pixels is decoded before `decode`."""

    def __init__(self, image: Image.Image, name: str, kind: str, limits: Limits) -> None:
        self._image, self._name, self._kind, self._limits = image, name, kind, limits

    @property
    def size_wh(self) -> tuple[int, int]:
        """As stored, before EXIF orientation."""
        return self._image.size

    def decode(self) -> RGB:
        """As `read_image` returns it; to be called once. Raises DamagedImage or ImageTooLarge."""
        with _our_errors(self._name, self._kind, self._limits), self._image as image:
            return _upright(_rgb(image), _orientation(image))


@contextmanager
def _our_errors(name: str, kind: str, limits: Limits) -> Iterator[None]:
    """Turns whatever Pillow raises into ImageTooLarge or DamagedImage."""
    try:
        yield
    except ImageTooLarge:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge(f"{name} has too many pixels; at most {limits.max_pixels:,} are accepted") from error
    except UnidentifiedImageError as error:  # whose message names a Python object
        raise DamagedImage(f"{name} begins like a {kind} file, but its header is damaged") from error
    except _DAMAGE as error:
        raise DamagedImage(f"{name} is a damaged {kind} file: {error}") from error


def encode_image(image: RGB, suffix: str = ".jpg", quality: int = 92) -> bytes:
    """(H, W, 3) -> the bytes of a file of this suffix, ".jpg" or ".png"; `quality` is JPEG's, 0 to 100.

    Raises ValueError for an image that the format cannot hold.
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix == ".jpg" else []
    encoded, data = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    if not encoded:
        raise ValueError(f"an image of shape {image.shape} cannot be written as {suffix}")
    return np.asarray(data).tobytes()


def image_format(data: bytes) -> str | None:
    """The format that the first bytes speak of, or None."""
    for signature, kind in SIGNATURES.items():
        if data.startswith(signature) and (kind != "WEBP" or data[8:12] == b"WEBP"):
            return kind
    return None


def _rgb(image: Image.Image) -> RGB:
    image.load()
    if image.mode in _DEEP_GREY:
        grey = (np.asarray(image).astype(np.uint16) >> _DEEP_GREY[image.mode]).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.mode in ("I", "F"):
        raise ValueError("32-bit grey pixels have no agreed range; save it with 8 or 16 bits")
    if image.has_transparency_data:
        over = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", over.size, "white"), over)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))  # convert would copy


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except (SyntaxError, struct.error):  # EXIF that cannot be read says nothing of the pixels
        return 1
    return value if isinstance(value, int) else 1


def _upright(image: RGB, orientation: int) -> RGB:
    """Undo an EXIF orientation (TIFF tag 274: 1 upright, 2-8 mirrored or turned)."""
    if orientation in (5, 6, 7, 8):
        image = image.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


def warp(image: RGB, affine: Affine, size_wh: tuple[int, int]) -> RGB:
    """Resample through an affine (image -> output pixels); black outside the image -> (h, w, 3).

    Only the part that is seen is touched. Where the output is less than half as large it is averaged down first,
    which bilinear sampling alone would turn into aliasing.
    """
    height, width = image.shape[:2]
    corners = affine.inverse()([(-1, -1), (size_wh[0], -1), (-1, size_wh[1]), (size_wh[0], size_wh[1])])
    left, top = (max(0, floor(c)) for c in corners.min(axis=0) - 1)
    right, bottom = (min(limit, ceil(c)) for limit, c in zip((width, height), corners.max(axis=0) + 2, strict=True))
    if left >= right or top >= bottom:
        return np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    affine = affine @ Affine.translate(left, top)
    step = max(1, int(1 / affine.zoom))
    across, down = min(step, right - left), min(step, bottom - top)  # a box may be far larger than the image
    columns, rows = ceil((right - left) / across), ceil((bottom - top) / down)
    image = image[top : top + rows * down, left : left + columns * across]
    if max(across, down) >= 2:  # whole cells, for which averaging is several times as fast
        below, beside = rows * down - image.shape[0], columns * across - image.shape[1]
        image = cv2.copyMakeBorder(image, 0, below, 0, beside, cv2.BORDER_CONSTANT).astype(np.uint8, copy=False)
        image = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        affine = affine @ Affine.scale(across, down)
    return cv2.warpAffine(image, affine.matrix, size_wh, flags=cv2.INTER_LINEAR).astype(np.uint8, copy=False)


def normalise(image: RGB, mean: tuple[float, ...], std: tuple[float, ...]) -> Float32:
    """(h, w, 3) uint8 -> (3, h, w) float32: (value / 255 - mean) / std per channel."""
    out = np.empty((3, *image.shape[:2]), np.float32)
    for plane, channel, m, s in zip(out, cv2.split(image), mean, std, strict=True):
        np.multiply(channel, np.float32(1 / (255 * s)), out=plane)
        plane -= np.float32(m / s)
    return out
