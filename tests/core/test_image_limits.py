"""Small files that would take hours or gigabytes to decode are refused; files as encoders write them are not."""

import pytest
from PIL import Image

from tests.support import image_files as images
from tests.support.hostile_images import bombs, heavy
from unipose.core.image import ImageTooLarge, Limits, open_image, read_image
from unipose.core.image_limits import find_excess

LIMITS = Limits(max_pixels=250_000)
BOMBS = dict(bombs())


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused(name):
    for read in (open_image, read_image):
        with pytest.raises(ImageTooLarge, match=r"at most|too many pixels|more than"):
            read(BOMBS[name], LIMITS)


def test_a_long_run_length_coded_bmp_is_refused():
    with pytest.raises(ImageTooLarge, match="1,100,000 run-length coded pixels; at most 1,000,000"):
        read_image(images.bmp((1100, 1000), b"\1\1\0\0" * 1000))


@pytest.mark.parametrize("filling", [b"\xff", b"\0", b"\xff\0", b"\xff\xd9", b"\xff\xe0\0\2", b"\xff\xd0"])
@pytest.mark.parametrize("ends", [b"", images.jpeg()[2:]])
def test_a_jpeg_with_too_much_before_its_pixels_is_refused(filling, ends):
    data = b"\xff\xd8\xff\xd9" + filling * 100_000 + ends
    with pytest.raises(ImageTooLarge, match="segments"):
        open_image(data, LIMITS)


def test_scans_behind_a_marker_without_length_are_counted():
    data = images.scans(3000).replace(b"\xff\xda", b"\xff\x02\xff\xff\xff\xda")
    assert find_excess(data, "JPEG", 250_000) == "101 scans; at most 100 are accepted"


@pytest.mark.parametrize(
    "data",
    [
        images.jpeg(progressive=True),
        images.jpeg(images.segment(0xE2, b"\xff\xda" * 30_000) * 20),  # looks like scans, inside other segments
        images.scans(50),
        images.png((64, 64), images.chunk(b"zTXt", b"key\0\0x") * 8, images.chunk(b"tEXt", b"key\0x") * 1000),
        images.tiff(bytes(3 * 64**2)),
        images.tiff(bytes(3 * 64**2), (322, 3, 64), (323, 3, 64)),
        images.encoded(images.PHOTO, "TIFF"),
        images.encoded(images.PHOTO.convert("RGBA"), "WEBP"),
        images.bmp((300, 200), b"\xff\1\x2d\1\0\0" * 200 + b"\0\1"),
        images.bmp((300, 200), bytes(300 * 200), coding=0),
        *(data for _, data in heavy()),
    ],
    ids=range(16),
)
def test_files_as_encoders_write_them_are_read(data):
    opened = open_image(data, LIMITS)
    width, height = opened.size_wh
    assert opened.decode().shape == (height, width, 3)


@pytest.mark.parametrize("order", ["<", ">"])
def test_tags_are_read_in_either_byte_order(order):
    data = images.encoded(Image.new({"<": "I;16", ">": "I;16B"}[order], (70, 30)), "TIFF")
    assert data[:2] == {"<": b"II", ">": b"MM"}[order]
    assert find_excess(data, "TIFF", 2100) is None
    assert find_excess(data, "TIFF", 2099) == "2,100 pixels; at most 2,099 are accepted"
