"""What is opened, which of its streams is taken, and what is told where there is none."""

import logging
import os
from fractions import Fraction

import av
import numpy as np
import pytest

from tests.support.video_files import number_of, numbered, write_video
from unipose.video_io.reader import open_video


def first_number(path) -> int:
    with open_video(str(path)) as video:
        return number_of(next(iter(video.frames)).image)


def write_streams(path, *kinds, default=None):
    """`kinds`: video, cover or sound; the n-th video shows the number 10 n."""
    with av.open(str(path), "w") as out:
        streams = []
        for number, kind in enumerate(kinds):
            stream = out.add_stream(
                {"sound": "aac", "cover": "mjpeg"}.get(kind, "libx264"), rate=16_000 if kind == "sound" else 25
            )
            if kind != "sound":
                stream.width, stream.height = 64, 48
                stream.pix_fmt = "yuvj420p" if kind == "cover" else "yuv420p"
            if kind == "cover":
                stream.disposition = av.stream.Disposition.attached_pic
            elif default is not None:
                stream.disposition = av.stream.Disposition.default if number == default else av.stream.Disposition(0)
            streams.append(stream)
        for number, (kind, stream) in enumerate(zip(kinds, streams, strict=True)):
            if kind == "sound":
                frames = [av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.float32), format="fltp", layout="mono")]
                frames[0].sample_rate = 16_000
            else:
                frames = [av.VideoFrame.from_ndarray(numbered(10 * number)) for _ in range(1 if kind == "cover" else 5)]
                for i, frame in enumerate(frames):
                    frame.pts, frame.time_base = i, Fraction(1, 25)
            for frame in [*frames, None]:
                out.mux(stream.encode(frame))
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize(
    ("kinds", "default", "number"),
    [
        (["video", "sound"], None, 0),
        (["sound", "video"], None, 10),
        (["cover", "video", "sound"], None, 10),
        (["video", "video"], None, 0),
        (["video", "video"], 1, 10),
    ],
)
def test_the_video_that_players_show_is_read(tmp_path, suffix, kinds, default, number, caplog):
    path = write_streams(tmp_path / f"v{suffix}", *kinds, default=default)
    with caplog.at_level(logging.WARNING):
        assert first_number(path) == pytest.approx(number, abs=1)
    assert ("has 2 videos in it: the one of 64 x 48 is taken" in caplog.text) == (
        (path.suffix == ".mkv" and "cover" in kinds) or kinds.count("video") > 1
    )


@pytest.mark.parametrize(
    ("suffix", "kinds", "found"),
    [(".mp4", ["sound"], "only audio"), (".mp4", ["sound", "cover"], "only audio, a cover picture")],
)
def test_sound_and_its_cover_are_no_video(tmp_path, suffix, kinds, found):
    with pytest.raises(ValueError, match=rf"v{suffix} has no video in it, {found}$"):
        first_number(write_streams(tmp_path / f"v{suffix}", *kinds))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "it is a Git LFS pointer: `git lfs pull` fetches"),
        (b"<!DOCTYPE html><html>", "it is a web page, as a download that failed leaves it"),
        (b"PK\3\4" + bytes(100), "it is an archive: unpack it"),
        (b"\0\0\0\x20ftypisom" + bytes(100), "its index is missing or damaged, as where recording or copying"),
        (b"no video", "Invalid data found"),
    ],
)
def test_what_is_no_video_is_told_in_a_line(tmp_path, data, message):
    (tmp_path / "v.mp4").write_bytes(data)
    with pytest.raises(ValueError, match=r"^[^\n]*v.mp4 cannot be read as a video: [^\n]*" + message):
        first_number(tmp_path / "v.mp4")


def test_a_video_without_frames_is_told(tmp_path):
    for suffix in (".mp4", ".mkv"):
        with av.open(str(tmp_path / f"v{suffix}"), "w") as out:
            stream = out.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            out.start_encoding()
        with pytest.raises(ValueError, match=rf"v{suffix} (cannot be read as a video|has no video in it)|no frame"):
            first_number(tmp_path / f"v{suffix}")


def test_an_unknown_codec_is_told(tmp_path):
    path = write_video(tmp_path / "v.avi", 5, codec="mpeg4")
    path.write_bytes(path.read_bytes().replace(b"FMP4", b"XYQW"))
    with pytest.raises(ValueError, match=r"v.avi has video of a codec that cannot be decoded here; convert it"):
        first_number(path)


@pytest.mark.parametrize(
    "name",
    [
        "12:30 clip.mp4",
        "http:.mp4",
        "-v.mp4",
        "%d.mp4",
        "a?b#c.mp4",
        "\u00fc \u6f22.mp4",
        "0",
        "file:v.mp4",
        os.fsdecode(b"caf\xe9.mp4"),
    ],
)
def test_any_name_is_a_name(tmp_path, monkeypatch, name):
    """Also those which FFmpeg would take for addresses or patterns."""
    write_video(tmp_path / "v.mp4", 3).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert first_number(name) == 0


def test_metadata_in_another_encoding_does_no_harm(tmp_path):
    path = write_video(tmp_path / "v.avi", 3, codec="mpeg4")
    with av.open(str(path)) as container, av.open(str(tmp_path / "t.avi"), "w") as out:
        out.metadata["title"] = "Caf!"
        stream = out.add_stream_from_template(container.streams.video[0])
        for packet in container.demux(container.streams.video[0]):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    data = (tmp_path / "t.avi").read_bytes()
    assert b"Caf!" in data
    (tmp_path / "t.avi").write_bytes(data.replace(b"Caf!", b"Caf\xe9"))
    assert first_number(tmp_path / "t.avi") == 0
