import io
from pathlib import Path
from zipfile import ZipFile

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.support.image_files import encoded, exif_orientation
from unipose.core.file_kinds import image_format
from unipose.core.geometry import Affine
from unipose.core.image import (
    DamagedImage,
    ImageTooLarge,
    Limits,
    NotAnImage,
    encode_image,
    normalise,
    open_image,
    read_image,
    warp,
)

RNG = np.random.default_rng(0)
PIXELS = cv2.resize(RNG.integers(0, 256, (6, 9, 3), np.uint8), (45, 30), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("BMP", {}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("JPEG", {"quality": 95, "subsampling": 0}, 12),
    ],
)
def test_every_format(kind, options, tolerance, tmp_path):
    data = encoded(Image.fromarray(PIXELS), kind, **options)
    assert image_format(data) == kind
    path = tmp_path / "any name"
    path.write_bytes(data)
    for source in (data, path, str(path)):
        pixels = read_image(source)
        assert pixels.shape == PIXELS.shape and pixels.dtype == np.uint8
        assert np.abs(pixels.astype(int) - PIXELS).max() <= tolerance


GREY = Image.fromarray(np.tile(np.linspace(0, 255, 45).astype(np.uint8), (30, 1)))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (encoded(GREY, "PNG"), np.asarray(GREY.convert("RGB"))),
        (encoded(GREY, "JPEG", quality=100), np.asarray(GREY.convert("RGB"))),
        (encoded(Image.fromarray(np.asarray(GREY).astype(np.uint16) * 257), "PNG"), np.asarray(GREY.convert("RGB"))),
        (encoded(Image.fromarray(np.asarray(GREY).astype(np.uint16) * 257), "TIFF"), np.asarray(GREY.convert("RGB"))),
        (encoded(GREY.convert("1"), "PNG"), np.asarray(GREY.convert("1").convert("RGB"))),
        (encoded(GREY.convert("P"), "PNG"), np.asarray(GREY.convert("RGB"))),
        (encoded(GREY.convert("CMYK"), "JPEG", quality=100), np.asarray(GREY.convert("RGB"))),
        (encoded(Image.merge("LA", (GREY, Image.new("L", GREY.size, 0))), "PNG"), np.full((30, 45, 3), 255, np.uint8)),
        (encoded(Image.new("RGBA", (45, 30), (0, 0, 0, 128)), "PNG"), np.full((30, 45, 3), 127, np.uint8)),
        (
            encoded(Image.new("RGB", (45, 30), "red"), "WEBP", save_all=True, lossless=True,
                    append_images=[Image.new("RGB", (45, 30), "blue")]),
            np.tile(np.array([255, 0, 0], np.uint8), (30, 45, 1)),
        ),
    ],
    ids=["grey", "grey jpeg", "16-bit png", "16-bit tiff", "1-bit", "palette", "cmyk", "alpha", "half alpha", "moving"],
)  # fmt: skip
def test_every_mode_becomes_rgb(data, expected):
    pixels = read_image(data)
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).max() <= 3


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(kind, orientation):
    data = encoded(Image.fromarray(PIXELS), kind, exif=exif_orientation(orientation))
    with Image.open(io.BytesIO(data)) as image:
        upright = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    pixels = read_image(data)
    assert np.array_equal(pixels, upright)
    assert pixels.shape == ((45, 30, 3) if orientation >= 5 else (30, 45, 3))


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize("exif", [b"Exif\0\0junk", b"Exif\0\0II*\0\x08"])
def test_damaged_exif_data_is_ignored(kind, exif):
    assert read_image(encoded(Image.fromarray(PIXELS), kind, exif=exif)).shape == PIXELS.shape


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_nothing_is_decoded_before_decode(monkeypatch, orientation):
    data = encoded(Image.fromarray(PIXELS), "JPEG", exif=exif_orientation(orientation))
    with monkeypatch.context() as context:
        context.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded"))
        opened = open_image(data)
        assert opened.size_wh == (45, 30)  # as stored
    assert np.array_equal(opened.decode(), read_image(data))


@pytest.mark.parametrize(
    ("suffix", "quality", "tolerance"), [(".png", 92, 0), (".jpg", 92, 6), (".jpg", 100, 5), (".jpg", 20, 20)]
)
def test_encode_and_read_again(suffix, quality, tolerance):
    data = encode_image(PIXELS, suffix, quality)
    assert image_format(data) == {".jpg": "JPEG", ".png": "PNG"}[suffix]
    pixels = read_image(data)
    assert pixels.shape == PIXELS.shape
    assert np.abs(pixels.astype(int) - PIXELS).mean() <= tolerance


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_truncated_anywhere_is_damaged(kind):
    data = encoded(Image.fromarray(np.tile(PIXELS, (4, 4, 1))), kind)
    for tenth in range(1, 10):
        with pytest.raises(DamagedImage, match=f"damaged {kind}|like a {kind} file, but its header is damaged"):
            read_image(data[: max(12, len(data) * tenth // 10)])


@pytest.mark.parametrize(
    "data", [b"", b"x", b"hello, world", b"GIF89a", b"RIFF\0\0\0\0WAVEfmt ", b"%PDF-1.4", b"<svg/>"]
)
def test_the_first_bytes_decide(data):
    with pytest.raises(NotAnImage, match="by its first bytes"):
        read_image(data)


@pytest.mark.parametrize(
    ("kind", "options", "seconds"),
    [
        ("WEBP", {"lossless": True, "duration": [100, 250, 40]}, [0.1, 0.25, 0.04]),
        ("PNG", {"duration": [100, 250, 40]}, [0.1, 0.25, 0.04]),
        ("PNG", {"duration": [100, 250, 40], "default_image": True}, [0.1, 0.25]),  # its first is no part of it
        ("TIFF", {}, [None, None, None]),
        ("MPO", {"quality": 100, "subsampling": 0}, [None]),  # one picture, and others that go with it
    ],
)
def test_frames_and_pages(kind, options, seconds):
    shown = [Image.fromarray(np.roll(PIXELS, i, axis=1)) for i in range(3)]
    if options.get("default_image"):
        options = {**options, "duration": options["duration"][:2]}
    opened = open_image(encoded(shown[0], kind, save_all=True, append_images=shown[1:], **options))
    frames = list(opened.decode_all())
    assert [duration for _, duration in frames] == seconds
    for (image, _), expected in zip(frames, shown[-len(frames) :] if len(frames) > 1 else shown, strict=False):
        assert np.abs(image.astype(int) - np.asarray(expected)).max() <= (12 if kind == "MPO" else 0)


def test_frames_before_damage_are_decoded():
    shown = [Image.fromarray(np.tile(np.roll(PIXELS, i, axis=1), (4, 4, 1))) for i in range(4)]
    data = encoded(shown[0], "PNG", save_all=True, append_images=shown[1:])
    decoded = []
    with pytest.raises(DamagedImage, match="damaged PNG"):
        decoded.extend(image for image, _ in open_image(data[: len(data) * 2 // 3]).decode_all())
    assert len(decoded) >= 2 and all(np.array_equal(*pair) for pair in zip(decoded, shown, strict=False))


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"GIF89a", "a GIF: `unipose video` reads it"),
        (b"\0\0\0\x18ftypheic", "a HEIC picture: convert it to JPEG or PNG"),
    ],
)
def test_a_file_of_another_kind_is_told_what_to_do_with_it(tmp_path, data, what):
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(NotAnImage) as refused:
        read_image(tmp_path / "a.jpg")
    assert str(refused.value) == (
        f"{tmp_path / 'a.jpg'} is not a JPEG, PNG, WEBP, BMP, TIFF file by its first bytes, but {what}"
    )


def test_limits():
    data = encoded(Image.fromarray(PIXELS), "PNG")
    with pytest.raises(ImageTooLarge, match="bytes"):
        read_image(data, Limits(max_bytes=len(data) - 1))
    with pytest.raises(ImageTooLarge, match="45 x 30"):
        read_image(data, Limits(max_pixels=45 * 30 - 1))
    assert read_image(data, Limits(len(data), 45 * 30)).shape == PIXELS.shape


def test_the_pixel_limit_holds_before_decoding(monkeypatch):
    bomb = encoded(Image.new("1", (12_000, 12_000)), "PNG")
    assert len(bomb) < 100_000
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(ImageTooLarge):
        read_image(bomb)


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "none.jpg")


@pytest.mark.parametrize("factor", [0.13, 0.3, 0.5, 0.9, 1.0, 2.5])
def test_warp_puts_pixels_where_the_affine_puts_points(factor):
    """The centre of a bright blob moves with its point, however much the image is averaged down."""
    y, x = np.mgrid[:240, :320]
    xy = np.array([203.0, 81.0])
    blob = 255 * np.exp(-((x - xy[0]) ** 2 + (y - xy[1]) ** 2) / (2 * 14.0**2))
    image = np.repeat(blob[..., None], 3, 2).astype(np.uint8)
    affine = Affine.translate(3, 7) @ Affine.rotate(20, (50, 60)) @ Affine.scale(factor, factor)
    size = (round(330 * factor) + 10, round(360 * factor) + 20)
    out = warp(image, affine, size)[..., 0].astype(np.float64)
    assert out.shape == size[::-1]
    rows, columns = np.mgrid[: size[1], : size[0]]
    centre = np.array([(out * columns).sum(), (out * rows).sum()]) / out.sum()
    assert centre == pytest.approx(affine(xy), abs=0.05)


def test_warp_averages_instead_of_aliasing():
    stripes = np.zeros((400, 600, 3), np.uint8)
    stripes[:, ::2] = 255
    small = warp(stripes, Affine.resize((600, 400), (60, 40)), (60, 40))
    assert np.abs(small[5:-5, 5:-5].astype(int) - 127).max() <= 12  # bilinear sampling alone gives 0 and 255


@pytest.mark.parametrize("affine", [Affine.translate(500, 0), Affine.translate(0, -900)])
def test_warp_is_black_outside_the_image(affine):
    assert not warp(PIXELS, affine, (20, 10)).any()


def test_warp_of_a_very_long_image():
    image = np.full((1, 60_000, 3), 200, np.uint8)
    assert warp(image, Affine.fit((0, 0, 60_000, 1), (64, 96)), (64, 96)).shape == (96, 64, 3)
    near = warp(image, Affine.translate(-59_000, 0), (64, 4))
    assert (near[0] == 200).all()


@pytest.mark.parametrize("size", [(1, 1), (45, 30), (1, 60_000), (60_000, 1)])
@pytest.mark.parametrize("box", [(-1e6, -1e6, 1e6, 1e6), (-1e6, 0, 1e6, 1), (0, -1e6, 1, 1e6)])
def test_warp_of_a_box_far_larger_than_the_image_takes_no_more_memory(size, box, monkeypatch):
    """Padding it to whole cells must not double it in either direction."""
    grow = cv2.copyMakeBorder

    def grow_a_little(image, above, below, left, right, *how):
        assert (above, left) == (0, 0)
        assert below < image.shape[0] and right < image.shape[1]
        return grow(image, above, below, left, right, *how)

    monkeypatch.setattr(cv2, "copyMakeBorder", grow_a_little)
    image = np.full((size[1], size[0], 3), 200, np.uint8)
    assert warp(image, Affine.fit(box, (64, 96), 1.25), (64, 96)).shape == (96, 64, 3)


def test_normalise():
    out = normalise(PIXELS, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert out.shape == (3, 30, 45) and out.dtype == np.float32 and out.flags.c_contiguous
    assert out[2, 7, 11] == pytest.approx((PIXELS[7, 11, 2] / 255 - 0.3) / 0.6, abs=1e-5)


def test_real_photographs(real_data: Path):

    with ZipFile(real_data / "coco_sample.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")]
        for name in names:
            data = archive.read(name)
            reference = cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
            assert np.abs(read_image(data).astype(int) - reference).mean() < 1
    assert len(names) == 4
