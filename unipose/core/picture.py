"""Picture: an upright image, decoded when it is looked at, and no finer than that needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from unipose.core.geometry import Affine
from unipose.core.image import MIRRORED, SWAPPED, UPSIDE_DOWN, OpenImage, warp
from unipose.core.types import RGB

SHRINKS = (8, 4, 2, 1)


class Picture:
    """The pixels of an image (H, W, 3), or an image file whose header has been read.

    A JPEG's decoder makes it smaller in a fraction of the time that decoding in full takes. What is looked at coarsely
    is therefore decoded so; a closer look decodes it again. Not for several threads at once.
    """

    def __init__(self, source: RGB | OpenImage) -> None:
        self.seconds = 0.0
        """What decoding has taken so far."""
        self._source = source
        self._shrink = 1
        self._pixels = None if isinstance(source, OpenImage) else source

    @property
    def image_wh(self) -> tuple[int, int]:
        """Raises DamagedImage or ImageTooLarge, as all that looks at the image does."""
        if not isinstance(self._source, OpenImage):
            return self._source.shape[1], self._source.shape[0]
        width, height = self._source.size_wh
        with self._timed():  # of a PNG the orientation may come last, so that this decodes it
            orientation = self._source.orientation
        return (height, width) if orientation in SWAPPED else (width, height)

    @property
    def held(self) -> RGB | bytes:
        """What the picture was made of: the pixels, or the file's bytes."""
        return self._source.data if isinstance(self._source, OpenImage) else self._source

    def rgb(self) -> RGB:
        """The image, decoded in full."""
        return self.look(1)[0]

    def look(self, coarse: float) -> tuple[RGB, Affine]:
        """Pixels of which each is at most `coarse` of the image's across and down, and the affine from it to them."""
        shrink = next(step for step in SHRINKS if step <= max(1, coarse))
        if self._pixels is None or shrink < self._shrink:
            self._pixels = self._decode(shrink)
            self._shrink = 1 if self._pixels.shape[1::-1] == self.image_wh else shrink
        return self._pixels, self._to_pixels(self._pixels)

    def warp(self, affine: Affine, size_wh: tuple[int, int]) -> RGB:
        """`core.image.warp` of the image."""
        pixels, to_pixels = self.look(1 / affine.zoom)
        return warp(pixels, affine @ to_pixels.inverse(), size_wh)

    def _decode(self, shrink: int) -> RGB:
        assert isinstance(self._source, OpenImage)  # pixels are never too coarse
        with self._timed():
            return self._source.decode(shrink)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        began = perf_counter()
        try:
            yield
        finally:
            self.seconds += perf_counter() - began

    def _to_pixels(self, pixels: RGB) -> Affine:
        """The affine from the image to `pixels`. Of a mirrored side that is no multiple of the step, incomplete pixels
        come first.
        """
        if self._shrink == 1:
            return Affine.identity()
        assert isinstance(self._source, OpenImage)
        (width, height), step, orientation = self.image_wh, self._shrink, self._source.orientation
        left = step * pixels.shape[1] - width if orientation in MIRRORED else 0
        top = step * pixels.shape[0] - height if orientation in UPSIDE_DOWN else 0
        return Affine.scale(1 / step, 1 / step) @ Affine.translate(left, top)
