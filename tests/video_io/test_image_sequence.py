from fractions import Fraction

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.support.image_files import encoded
from tests.support.video_files import number_of, numbered, write_video
from unipose.video_io.reader import open_video
from unipose.video_io.video import IncompleteVideo


def read(source, **options):
    with open_video(str(source), **options) as video:
        return video, list(video.frames)


def draw(folder, *names):
    folder.mkdir(exist_ok=True)
    for i, name in enumerate(names):
        cv2.imwrite(str(folder / name), numbered(i))
    return folder


def test_frames_without_leading_zeros_are_in_order(tmp_path):
    names = ["f1.png", "f2.PNG", "f9.JPG", "f10.png", "f11.webp", "f100.tif"]
    _, frames = read(draw(tmp_path / "in", *names))
    assert [number_of(frame.image) for frame in frames] == list(range(6))


def test_what_systems_leave_is_no_frame(tmp_path):
    folder = draw(tmp_path / "in", "1.png", "2.png")
    for name in ("._1.png", ".DS_Store", "Thumbs.db", "desktop.ini", ".3.png"):
        (folder / name).write_bytes(b"\0\5\x16\7")
    (folder / "more.png").mkdir()
    video, frames = read(folder)
    assert [number_of(frame.image) for frame in frames] == [0, 1] and video.total == 2


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("2.jpg", encoded(Image.fromarray(numbered(1)), "JPEG")[:-200], "2.jpg is a damaged JPEG file"),
        ("2.png", b"", "2.png is not a JPEG, PNG, WEBP, BMP, TIFF file by its first bytes, but empty"),
        ("2.HEIC", b"\0\0\0\x18ftypheic", "but a HEIC picture: convert it to JPEG or PNG"),
        ("2.gif", b"GIF89a", "but a GIF"),
        ("2.jpg", b"version https://git-lfs.github.com/spec/v1", "but a Git LFS pointer: `git lfs pull`"),
    ],
)
@pytest.mark.parametrize("rate", [Fraction(10), Fraction(30_000, 1001)])
def test_frames_that_cannot_be_read_are_left_out_and_told(tmp_path, name, data, message, rate):
    """The others keep their numbers and times."""
    folder = draw(tmp_path / "in", "1.png", "3.png", "4.png")
    (folder / name).write_bytes(data)
    frames = []
    with open_video(str(folder), rate) as video, pytest.raises(IncompleteVideo) as told:
        frames.extend(video.frames)
    assert [(frame.index, round(frame.time * rate)) for frame in frames] == [(0, 0), (2, 2), (3, 3)]
    assert str(told.value).startswith("1 of 4 images could not be read: ") and message in str(told.value)
    assert str(folder / name) in str(told.value)


def test_a_broken_link_is_a_missing_frame(tmp_path):
    folder = draw(tmp_path / "in", "1.png")
    (folder / "2.png").symlink_to("none.png")
    with open_video(str(folder)) as video, pytest.raises(IncompleteVideo, match=r"No such file .*2\.png"):
        list(video.frames)


DURATIONS = [100, 250, 40, 90]


@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [
        ("a.webp", "WEBP", {"lossless": True}), ("a.png", "PNG", {}), ("a.apng", "PNG", {}), ("a.gif", "GIF", {}),
        ("a.jpg", "WEBP", {"lossless": True}),  # what it is, not what it is called, decides
    ],
)  # fmt: skip
def test_an_animation_has_its_own_times(tmp_path, name, kind, options):
    shown = [Image.fromarray(numbered(i)) for i in range(4)]
    data = encoded(shown[0], kind, save_all=True, append_images=shown[1:], duration=DURATIONS, **options)
    (tmp_path / name).write_bytes(data)
    _, frames = read(tmp_path / name)
    assert [number_of(frame.image) for frame in frames] == [0, 1, 2, 3]
    assert [round(1000 * frame.time) for frame in frames] == [0, 100, 350, 390]
    with pytest.raises(ValueError, match=rf"{name} has times of its own: a rate is for images without"):
        read(tmp_path / name, rate=Fraction(10))


def test_frames_too_short_to_be_seen_are_shown_as_browsers_do(tmp_path):
    shown = [Image.fromarray(numbered(i)) for i in range(3)]
    path = tmp_path / "a.png"
    path.write_bytes(encoded(shown[0], "PNG", save_all=True, append_images=shown[1:], duration=[0, 10, 20]))
    assert [round(1000 * frame.time) for frame in read(path)[1]] == [0, 100, 200]


@pytest.mark.parametrize(("name", "kind"), [("a.webp", "WEBP"), ("a.png", "PNG"), ("a.gif", "GIF")])
def test_transparent_frames_are_over_white(tmp_path, name, kind):
    left, right = (Image.new("RGBA", (20, 10)) for _ in range(2))
    left.paste((10, 20, 30, 255), (0, 0, 10, 10))
    right.paste((10, 20, 30, 255), (10, 0, 20, 10))
    data = encoded(left, kind, save_all=True, append_images=[right], duration=100, disposal=2, lossless=True, kmax=1)
    (tmp_path / name).write_bytes(data)
    for frame, inked in zip(read(tmp_path / name)[1], (slice(0, 10), slice(10, 20)), strict=True):
        expected = np.full((10, 20, 3), 255)
        expected[:, inked] = (10, 20, 30)
        assert np.abs(frame.image - expected).max() <= 2


@pytest.mark.parametrize("count", [1, 3])
def test_pages_of_a_tiff_and_single_images_have_the_rate(tmp_path, count):
    shown = [Image.fromarray(numbered(i)) for i in range(3)]
    (tmp_path / "a.tiff").write_bytes(encoded(shown[0], "TIFF", save_all=True, append_images=shown[1:count]))
    video, frames = read(tmp_path / "a.tiff", rate=Fraction(4))
    assert [number_of(frame.image) for frame in frames] == list(range(count))
    assert [frame.time for frame in frames] == [i / 4 for i in range(count)] and video.total == count


def test_an_animation_that_is_cut_off_gives_its_frames_and_says_so(tmp_path):
    shown = [Image.fromarray(np.random.default_rng(i).integers(0, 256, (40, 60, 3), np.uint8)) for i in range(4)]
    data = encoded(shown[0], "PNG", save_all=True, append_images=shown[1:], duration=100)
    (tmp_path / "a.png").write_bytes(data[: len(data) * 2 // 3])
    frames = []
    with open_video(str(tmp_path / "a.png")) as video, pytest.raises(IncompleteVideo, match="breaks off after frame 2"):
        frames.extend(video.frames)
    assert [np.array_equal(frame.image, np.asarray(image)) for frame, image in zip(frames, shown, strict=False)] == [
        True, True
    ]  # fmt: skip


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_upright(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    (tmp_path / "a.jpg").write_bytes(encoded(Image.fromarray(numbered(0)), "JPEG", exif=exif))
    [frame] = read(tmp_path / "a.jpg")[1]
    assert frame.image.shape == ((64, 48, 3) if orientation >= 5 else (48, 64, 3))


@pytest.mark.parametrize("rate", [Fraction(0), Fraction(-5), Fraction(1, 100_000), Fraction(10**9)])
def test_a_rate_that_cannot_be_is_refused(tmp_path, rate):
    with pytest.raises(ValueError, match=r"a rate is from 1/3600 to 1000 frames per second, got "):
        read(draw(tmp_path / "in", "1.png"), rate=rate)


@pytest.mark.parametrize("rate", ["0.33333333333333", "29.970029970029970029", "1/3600", "1000", "23.976"])
def test_any_other_rate_is_kept(tmp_path, rate):
    video, frames = read(draw(tmp_path / "in", "1.png", "2.png"), rate=Fraction(rate))
    assert float(video.rate) == pytest.approx(float(Fraction(rate)), rel=1e-5)
    assert frames[1].time == pytest.approx(1 / float(Fraction(rate)), rel=1e-5)
    assert max(video.rate.numerator, video.rate.denominator) < 2**31


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_a_video_has_no_other_rate(tmp_path, suffix):
    path = write_video(tmp_path / f"v{suffix}", 3, codec="gif" if suffix == ".gif" else "libx264",
                       pix_fmt="rgb8" if suffix == ".gif" else "yuv420p")  # fmt: skip
    with pytest.raises(ValueError, match=r"has times of its own: a rate is for images without"):
        read(path, rate=Fraction(10))
