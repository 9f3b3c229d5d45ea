import io
import re
from functools import partial
from pathlib import PurePath

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.support.image_files import encoded, exif_orientation
from unipose.core.image import DamagedImage, ImageTooLarge, NotAnImage, read_image
from unipose.core.image_input import WANTED, is_many, to_pictures, to_rgb, to_rgbs

PIXELS = cv2.resize(np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8), (45, 30))
PIXELS[0, :2] = [[0], [255]]
GREY = PIXELS[..., 0]
RGBA = np.dstack([PIXELS, GREY.T.reshape(GREY.shape)])
PNG = encoded(Image.fromarray(PIXELS), "PNG")


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def of_png(image):
    return read_image(encoded(image, "PNG"))


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (PIXELS, PIXELS),
        (read_only(PIXELS), PIXELS),
        (PIXELS[:, ::-1], PIXELS[:, ::-1]),
        (PIXELS[..., ::-1], PIXELS[..., ::-1]),  # as of cv2.imread
        (np.ascontiguousarray(PIXELS.transpose(2, 0, 1)).transpose(1, 2, 0), PIXELS),
        (np.asfortranarray(PIXELS), PIXELS),
        (GREY, np.repeat(GREY[..., None], 3, 2)),
        (GREY[..., None], np.repeat(GREY[..., None], 3, 2)),
        (GREY[::-2], np.repeat(GREY[::-2, :, None], 3, 2)),
        (RGBA, of_png(Image.fromarray(RGBA))),
        (torch.from_numpy(PIXELS), PIXELS),
        (torch.from_numpy(GREY.copy()), np.repeat(GREY[..., None], 3, 2)),
        (Image.fromarray(PIXELS), PIXELS),
        (Image.fromarray(GREY), np.repeat(GREY[..., None], 3, 2)),
        (Image.fromarray(RGBA), of_png(Image.fromarray(RGBA))),
        (Image.fromarray(PIXELS).convert("P"), of_png(Image.fromarray(PIXELS).convert("P"))),
        (Image.fromarray(GREY).convert("1"), of_png(Image.fromarray(GREY).convert("1"))),
        (Image.fromarray(PIXELS).convert("CMYK"), np.asarray(Image.fromarray(PIXELS).convert("CMYK").convert("RGB"))),
        (PNG, PIXELS),
        (bytearray(PNG), PIXELS),
        (memoryview(PNG), PIXELS),
        (io.BytesIO(PNG), PIXELS),
    ],
)
def test_what_means_an_image_is_taken(image, expected):
    found = to_rgb(image)
    assert found.dtype == np.uint8 and found.flags.c_contiguous and type(found) is np.ndarray
    np.testing.assert_array_equal(found, expected)


def test_an_rgb_array_is_not_copied():
    assert to_rgb(PIXELS) is PIXELS


@pytest.mark.parametrize("of", [str, PurePath, partial(open, mode="rb"), Image.open])
def test_a_file_is_turned_upright_however_it_is_given(of, tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(Image.fromarray(PIXELS), "JPEG", exif=exif_orientation(6)))
    expected = read_image(path)
    assert expected.shape == (45, 30, 3)
    given = of(path)
    np.testing.assert_array_equal(to_rgb(given), expected)
    if hasattr(given, "close"):
        given.close()


@given(st.data())
def test_an_array_is_what_a_file_of_it_is(data):
    """Whatever its channels, and however it lies in memory."""
    height, width = data.draw(st.integers(1, 20)), data.draw(st.integers(5, 20))
    channels = data.draw(st.sampled_from([(), (1,), (3,), (4,)]))
    seed, step = data.draw(st.integers(0, 99)), data.draw(st.sampled_from([1, -1, 2]))
    array = np.random.default_rng(seed).integers(0, 256, (height, width, *channels), np.uint8)[::step]
    file = Image.fromarray(np.ascontiguousarray(array[..., 0] if channels == (1,) else array))
    np.testing.assert_array_equal(to_rgb(array), of_png(file))


SHARES = PIXELS.astype(np.float32) / 255
REFUSED = {
    "floats from 0 to 1": (SHARES, "(30, 45, 3) of float32 from 0 to 1", "(255 * image).round().astype(np.uint8)"),
    "doubles from 0 to 255": (PIXELS.astype(float), "float64", "image.round().astype(np.uint8)"),
    "integers": (PIXELS.astype(int), "of int64 from 0 to 255", "image.round().astype(np.uint8)"),
    "16 bits": (PIXELS.astype(np.uint16) * 257, "of uint16 from 0 to 65535", "(image // 257).astype(np.uint8)"),
    "normalised": (SHARES - 0.5, "of float32 from -0.5 to 0.5", "normalisation"),
    "not a number": (np.full((30, 45, 3), np.nan), "float64 from nan", "no numbers"),
    "a mask": (GREY > 99, "of bool", "255 * image.astype(np.uint8)"),
    "objects": (np.full((30, 45), None), "of object", "object are no pixels"),
    "channels first": (PIXELS.transpose(2, 0, 1), "(3, 30, 45) of uint8", "image.transpose(1, 2, 0)"),
    "grey with its channel first": (GREY[None], "(1, 30, 45)", "image.transpose(1, 2, 0)"),
    "two channels": (PIXELS[..., :2], "(30, 45, 2)", "2 channels are none of these"),
    "a batch": (PIXELS[None], "(1, 30, 45, 3)", "one by one, or as a list"),
    "a row of pixels": (PIXELS[0], "(45, 3)", "a row of pixels"),
    "bytes of a file": (np.frombuffer(PNG, np.uint8), "of uint8 from 0 to 255", "image.tobytes()"),
    "a number": (np.array(3, np.uint8), "an array () of uint8", "0 axes are none"),
    "no rows": (PIXELS[:0], "(0, 45, 3)", "without pixels"),
    "no columns": (GREY[:, :0], "(30, 0)", "without pixels"),
    "no channels": (PIXELS[..., :0], "(30, 45, 0)", "without pixels"),
    "nothing": (np.array([]), "(0,) of float64", "without pixels"),
    "pillow's nothing": (Image.new("RGB", (0, 9)), "(9, 0, 3)", "without pixels"),
    "two faults": (
        SHARES.transpose(2, 0, 1)[None],
        "float32 from 0 to 1",
        "one by one, or as a list; of values from 0",
    ),
    "a tensor that is trained": (torch.zeros(3, 4, 5, requires_grad=True), "a Tensor", "detach"),
    "a tensor without memory": (torch.zeros(3, 4, 5, device="meta"), "a Tensor", "meta"),
    "lists": (PIXELS.tolist(), "a list of 30", ""),
    "None": (None, "cv2.imread gives for a file that it cannot read", ""),
    "a pair": ((True, PIXELS), "a tuple of 2", ""),  # of cv2.VideoCapture.read
    "a dict": ({"image": PIXELS}, "a dict of 1", ""),
    "true": (True, "a bool", ""),
}


@pytest.mark.parametrize(("image", "came", "advice"), REFUSED.values(), ids=list(REFUSED))
def test_anything_else_is_told_what_came_and_what_would_be_right(image, came, advice):
    with pytest.raises(ValueError, match=re.escape(WANTED)) as refused:
        to_rgb(image)
    text = str(refused.value)
    assert came in text and advice in text and "\n" not in text


@pytest.mark.parametrize(
    ("image", "kind", "message"),
    [
        ("none.jpg", FileNotFoundError, "none.jpg"),
        ("https://a.b/c.jpg", FileNotFoundError, "https://a.b/c.jpg is an address, and none is fetched"),
        (".", IsADirectoryError, ". is a folder; name an image in it"),
        (b"", NotAnImage, "by its first bytes"),
        (io.BytesIO(PNG[:99]), DamagedImage, "damaged"),
        (io.StringIO("text"), ValueError, "mode 'rb'; it gave str"),
        (Image.new("F", (9, 9)), DamagedImage, "32-bit grey"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(image, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        to_rgb(image)


def test_an_open_file_is_read_no_further_than_its_limit(monkeypatch):
    class Endless(io.RawIOBase):
        def read(self, size=-1):
            assert 0 < size < 1e9
            return b"\xff" * size

    with pytest.raises(ImageTooLarge):
        to_rgb(Endless())


def test_of_a_list_the_wrong_one_is_named():
    with pytest.raises(ValueError, match=re.escape("images[7]: got an array (30, 45, 3) of float32")):
        to_pictures([PIXELS, SHARES], first=6)
    with pytest.raises(NotAnImage, match=re.escape("images[1]: ")):
        to_rgbs(iter([PIXELS, b"hello"]))


@pytest.mark.parametrize("one", [PIXELS, GREY, torch.from_numpy(PIXELS), "a.jpg", PNG, io.BytesIO(PNG), None, {}, 3])
def test_one_image_is_no_list_of_them(one):
    assert not is_many(one)
    with pytest.raises(ValueError, match=r"where a list of images is needed: give \[image\]"):
        to_rgbs(one)


@pytest.mark.parametrize(
    "many", [[PIXELS, GREY], (PNG, PNG), np.stack([PIXELS] * 2), torch.from_numpy(PIXELS)[None].expand(2, -1, -1, -1)]
)
def test_many_images(many):
    assert is_many(many)
    assert [image.shape for image in to_rgbs(many)] == [PIXELS.shape] * 2
    assert is_many(iter(many)) and is_many([])
