"""Image inputs: what may be given as an image, and the RGB array that it means."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeGuard, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from unipose.core.image import ImageFile, from_pillow, open_image, read_image
from unipose.core.picture import Picture
from unipose.core.types import RGB


class SupportsArray(Protocol):
    """What numpy makes an array of: an array itself, a tensor of PyTorch on the CPU."""

    def __array__(self) -> NDArray[Any]: ...


Image = SupportsArray | Pillow.Image | ImageFile
"""An upright image as an array, (H, W, 3) RGB, (H, W, 4) RGBA or (H, W) grey, of uint8, or as Pillow has it; or an
image file's path, bytes or open file."""

T = TypeVar("T")
WANTED = (
    "an image is an array of uint8, (H, W, 3) in RGB, (H, W, 4) in RGBA or (H, W) in grey, an image of Pillow, or a "
    "file's path, bytes or open file"
)
NARROW = 4  # a grey image is wider: (N, 3) is a row of an image's pixels
_CHANNELS = (1, 3, 4)


def to_rgb(image: Image) -> RGB:
    """-> (H, W, 3), contiguous; one that is so already is not copied.

    Alpha is blended over white and files are turned upright, as `read_image` does. Raises ValueError that says what
    came and what would be right, and what `read_image` raises.
    """
    if _is_file(image):
        return read_image(image)
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3:
        array: NDArray[Any] = image
    elif isinstance(image, Pillow.Image):
        array = from_pillow(image)
    elif hasattr(image, "__array__"):
        array = _from_array(cast(SupportsArray, image))
    else:
        raise ValueError(f"got {_kind(image)}; {WANTED}")
    if not array.size:
        raise ValueError(f"got {_described(array)}, without pixels; {WANTED}")
    return np.ascontiguousarray(array)


def to_picture(image: Image) -> Picture:
    """-> the image, of a file without decoding it yet. Raises what `to_rgb` raises."""
    return Picture(open_image(image) if _is_file(image) else to_rgb(image))


def to_rgbs(images: Iterable[Image]) -> list[RGB]:
    """`to_rgb` of each. Raises ValueError, which names the place in the list; also for an image where a list of them is
    needed.
    """
    return list(_each(to_rgb, images, 0))


def to_pictures(images: Iterable[Image], first: int = 0) -> list[Picture]:
    """`to_picture` of each. Raises as `to_rgbs` does; places are counted from `first`."""
    return list(_each(to_picture, images, first))


def _each(convert: Callable[[Image], T], images: Iterable[Image], first: int) -> Iterator[T]:
    if not is_many(images):
        raise ValueError(f"got {_kind(images)} where a list of images is needed: give [image]")
    for i, image in enumerate(images, first):
        with naming_place(i):
            yield convert(image)


@contextmanager
def naming_place(i: int, kinds: tuple[type[ValueError], ...] = (ValueError,)) -> Iterator[None]:
    """Puts the place of an image in its list before what an error of these kinds says."""
    try:
        yield
    except kinds as error:
        error.args = (f"images[{i}]: {error}",)
        raise


def is_many(images: Image | Iterable[Image]) -> TypeGuard[Iterable[Image]]:
    """Whether it is a list of images, or an array (N, H, W, C) of them, and no single image."""
    if hasattr(images, "__array__"):
        return np.ndim(cast(Any, images)) == 4
    return isinstance(images, Sequence | Iterator) and not _is_file(images)


def _is_file(image: object) -> TypeGuard[ImageFile]:
    return isinstance(image, str | os.PathLike | bytes | bytearray | memoryview) or hasattr(image, "read")


def _from_array(image: SupportsArray) -> RGB:
    try:
        array = np.asarray(image)
    except (TypeError, ValueError, RuntimeError) as error:  # of a tensor on a GPU, or with a gradient
        raise ValueError(f"got {_kind(image)}, of which numpy makes no array; {WANTED}: {error}") from error
    if not array.size:
        return array
    if advice := [*_shape_advice(array), *_value_advice(array)]:
        raise ValueError(f"got {_described(array)}; {WANTED}: {'; '.join(advice)}")
    return from_pillow(Pillow.fromarray(array[..., 0] if array.shape[2:] == (1,) else array))


def _shape_advice(array: NDArray[Any]) -> Iterator[str]:
    shape = array.shape
    if array.ndim == 2 and shape[1] <= NARROW:
        yield "this is a row of pixels"
    elif array.ndim == 3 and shape[2] not in _CHANNELS:
        if shape[0] in _CHANNELS:
            yield "put the channels last, by image.transpose(1, 2, 0), or of a tensor by image.permute(1, 2, 0)"
        else:
            yield f"{shape[2]} channels are none of these"
    elif array.ndim == 4:
        yield "give the images of a batch one by one, or as a list"
    elif array.ndim not in (2, 3):
        yield "of a file's bytes in an array give image.tobytes()" if array.ndim == 1 else f"{array.ndim} axes are none"


def _value_advice(array: NDArray[Any]) -> Iterator[str]:
    kind = array.dtype.kind
    if array.dtype == np.uint8:
        return
    if kind == "b":
        yield "of a mask give 255 * image.astype(np.uint8)"
    elif kind not in "uif":
        yield f"{array.dtype} are no pixels"
    elif not np.isfinite(array).all():
        yield "some of its values are no numbers"
    elif array.min() < 0:
        yield "undo what made its values negative, as a network's normalisation"
    elif kind == "f" and array.max() <= 1:
        yield "of values from 0 to 1 give (255 * image).round().astype(np.uint8)"
    elif array.max() <= 255:
        yield "of values from 0 to 255 give image.round().astype(np.uint8)"
    else:
        yield "scale its values to 0 to 255, where white is 65535 by (image // 257).astype(np.uint8)"


def _described(array: NDArray[Any]) -> str:
    values = f" from {array.min():.6g} to {array.max():.6g}" if array.size and array.dtype.kind in "uif" else ""
    return f"an array {array.shape} of {array.dtype}{values}"


def _kind(value: object) -> str:
    if value is None:
        return "None, as cv2.imread gives for a file that it cannot read"
    if isinstance(value, Mapping | Sequence) and not isinstance(value, str | bytes):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"
