import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.support.image_files import encoded, exif_orientation
from unipose.core.geometry import Affine
from unipose.core.image import DamagedImage, OpenImage, open_image, read_image, warp
from unipose.core.picture import Picture

NOISE = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)


def smooth(width: int, height: int) -> Image.Image:
    return Image.fromarray(cv2.resize(NOISE, (width, height), interpolation=cv2.INTER_CUBIC))


def jpeg(width: int = 640, height: int = 480, orientation: int = 1, kind: str = "JPEG", mode: str = "RGB") -> bytes:
    """Without chroma subsampling, so that every channel shrinks alike."""
    options = {} if mode == "L" else {"subsampling": 0}
    return encoded(smooth(width, height).convert(mode), kind, quality=95, exif=exif_orientation(orientation), **options)


@given(
    width=st.integers(64, 200), height=st.integers(64, 200), orientation=st.integers(1, 8), coarse=st.floats(0.3, 12)
)
def test_pixels_lie_where_the_image_has_them(width, height, orientation, coarse):
    """A point of the image, taken to coarse pixels, shows what it shows in the image: sides need be no multiples."""
    data = jpeg(width, height, orientation)
    image, picture = read_image(data), Picture(open_image(data))
    pixels, to_pixels = picture.look(coarse)
    assert picture.image_wh == (image.shape[1], image.shape[0])
    assert 1 / max(coarse, 1) <= to_pixels.zoom <= min(1, 2 / coarse)
    reach = (round(1 / to_pixels.zoom) - 1) / 2
    for u, v in [(1, 2), (3, 2), (5, 4)]:
        x, y = to_pixels.inverse()([u, v])
        left, top, right, bottom = (round(edge) for edge in (x - reach, y - reach, x + reach + 1, y + reach + 1))
        assert np.abs(image[top:bottom, left:right].mean(axis=(0, 1)) - pixels[v, u]).max() <= 12


@pytest.mark.parametrize("zoom", [2.0, 0.7, 0.45, 0.2, 0.09])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_crop_is_the_same_however_coarsely_it_is_decoded(zoom, orientation):
    """But for the last pixels of the image, whose cells are incomplete."""
    data = jpeg(637, 475, orientation)
    image, affine = read_image(data), Affine.scale(zoom, zoom) @ Affine.translate(-171, -93)
    difference = Picture(open_image(data)).warp(affine, (96, 64)).astype(int) - warp(image, affine, (96, 64))
    inside = cv2.erode(warp(np.full_like(image, 255), affine, (96, 64)), np.ones((3, 3))) == 255
    assert np.abs(difference).mean() <= 1 and np.abs(difference[inside]).max() <= 16 and inside.mean() > 0.1


@pytest.mark.parametrize(
    ("data", "shrinks"),
    [
        (jpeg(), [4, 1]),
        (jpeg(kind="MPO"), [4, 1]),
        (jpeg(mode="L"), [4, 1]),
        (jpeg(mode="CMYK"), [4, 1]),
        (jpeg(3, 3), [1]),  # smaller than a step
        (encoded(smooth(640, 480), "PNG"), [1]),
        (encoded(smooth(640, 480), "WEBP"), [1]),
    ],
    ids=["colour", "several pictures", "grey", "cmyk", "tiny", "png", "webp"],
)
def test_what_is_decoded(data, shrinks, monkeypatch):
    """Once for looks that become coarser, again for a closer one, and never without need."""
    decoded = []
    decode = OpenImage.decode

    def counted(self, shrink=1):
        pixels = decode(self, shrink)
        decoded.append(round(self.size_wh[0] / pixels.shape[1]))
        return pixels

    monkeypatch.setattr(OpenImage, "decode", counted)
    picture = Picture(open_image(data))
    assert picture.image_wh and not decoded
    for coarse in (5, 4, 9, 5.5, 1.5, 8):
        picture.look(coarse)
    assert np.array_equal(picture.rgb(), read_image(data)) and decoded[:-1] == shrinks
    assert picture.seconds > 0 and picture.held == data


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_is_that_of_the_upright_image(kind, orientation):
    data = encoded(smooth(60, 40), kind, exif=exif_orientation(orientation))
    picture = Picture(open_image(data))
    before = picture.image_wh
    assert picture.rgb().shape == (*before[::-1], 3) and np.array_equal(picture.rgb(), read_image(data))
    assert before == ((60, 40) if orientation < 5 else (40, 60))


def test_pixels_are_taken_as_they_are():
    pixels = np.asarray(smooth(64, 48))
    picture = Picture(pixels)
    assert picture.image_wh == (64, 48) and picture.look(8)[0] is picture.rgb() is picture.held is pixels
    assert np.array_equal(picture.look(8)[1].matrix, Affine.identity().matrix)


def test_damage_is_found_by_a_coarse_look_too():
    data = jpeg()
    with pytest.raises(DamagedImage, match="damaged JPEG"):
        Picture(open_image(data[: len(data) // 2])).look(8)


def test_a_png_cut_off_before_its_exif_is_told_as_damaged():
    data = encoded(smooth(64, 48), "PNG")
    with pytest.raises(DamagedImage, match="damaged PNG"):
        _ = Picture(open_image(data[: len(data) // 2])).image_wh
