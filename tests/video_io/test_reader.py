import threading
import time
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.support.video_files import number_of, numbered, write_video
from unipose.video_io.reader import open_video
from unipose.video_io.video import IncompleteVideo


def read(source, **options):
    with open_video(str(source), **options) as video:
        return video, list(video.frames)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".ts"])
def test_every_frame_in_order_with_its_time(tmp_path, suffix):
    video, frames = read(write_video(tmp_path / f"v{suffix}"))
    assert [number_of(frame.image) for frame in frames] == [frame.index for frame in frames] == list(range(20))
    assert np.allclose([frame.time for frame in frames], np.arange(20) / 25, atol=0.002)
    assert (video.rate, video.live, video.audio) == (25, False, None)
    assert video.total == 20


def test_a_variable_frame_rate_keeps_its_times(tmp_path):
    pts = [0, 40, 41, 300, 1000, 1001, 1500]
    video, frames = read(write_video(tmp_path / "v.mp4", len(pts), pts=pts, time_base=Fraction(1, 1000)))
    assert [round(1000 * frame.time) for frame in frames] == pts
    assert [frame.time for frame in frames] == [float(frame.pts * video.time_base) for frame in frames]


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_the_display_rotation_is_applied(tmp_path, rotation):
    path = write_video(tmp_path / "v.mp4", rotation=rotation)
    _, frames = read(path)
    capture = cv2.VideoCapture(str(path))  # an independent reader, which applies it too
    done, shown = capture.read()
    assert done and frames[0].image.shape == shown.shape
    assert np.abs(frames[0].image.astype(int) - shown[..., ::-1]).mean() < 3


def test_timestamps_that_begin_late_begin_at_zero(tmp_path):
    path = write_video(tmp_path / "v.ts", pts=[900_000 + 3600 * i for i in range(20)], time_base=Fraction(1, 90_000))
    _, frames = read(path)
    assert frames[0].time == pytest.approx(0, abs=0.05) and frames[-1].time == pytest.approx(19 / 25, abs=0.05)


def test_the_audio_comes_from_the_same_file(tmp_path):
    path = write_video(tmp_path / "v.mp4", sound=True)
    assert read(path)[0].audio == path


def test_a_folder_is_read_in_natural_order(tmp_path):
    for i in (1, 2, 10, 9):
        cv2.imwrite(str(tmp_path / f"frame{i}.png"), numbered(i))
    (tmp_path / "notes.txt").write_text("not a picture")
    video, frames = read(tmp_path, rate=Fraction(10))
    assert [number_of(frame.image) for frame in frames] == [1, 2, 9, 10]
    assert [frame.time for frame in frames] == [0, 0.1, 0.2, 0.3] and video.total == 4


def truncated(path: Path, share: float) -> Path:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


def test_a_truncated_file_is_read_to_where_it_ends(tmp_path):
    path = truncated(write_video(tmp_path / "v.mkv", 60, size_wh=(320, 240)), 0.6)
    frames = []
    with open_video(str(path)) as video, pytest.raises(IncompleteVideo, match="breaks off after"):
        frames.extend(video.frames)
    assert 10 < len(frames) < 60
    assert [number_of(frame.image) for frame in frames[:10]] == list(range(10))


def test_damage_in_the_middle_is_skipped(tmp_path):
    path = write_video(tmp_path / "v.ts", 60, size_wh=(320, 240))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)
    path.write_bytes(data)
    frames = []
    with open_video(str(path)) as video, suppress(IncompleteVideo):
        frames.extend(video.frames)
    assert len(frames) > 40
    assert number_of(frames[-1].image) == 59  # what comes after is read
    assert all(a.pts < b.pts for a, b in pairwise(frames))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_bytes(b"no video"), "cannot be read as a video"),
        (lambda path: truncated(write_video(path), 0.5), "cannot be read as a video"),  # its index was at the end
        (lambda path: path.mkdir(), "holds no images"),
    ],
    ids=["noise", "no index", "empty folder"],
)
def test_sources_without_video_are_refused(tmp_path, make, message):
    make(tmp_path / "v.mp4")
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "v.mp4")


def test_audio_alone_is_not_a_video(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as out:
        tone = out.add_stream("aac", rate=16_000, layout="mono")
        audio = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.float32), format="fltp", layout="mono")
        audio.sample_rate = 16_000
        out.mux(tone.encode(audio))
        out.mux(tone.encode(None))
    with pytest.raises(ValueError, match="has no video in it, only audio"):
        read(tmp_path / "a.mp4")


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        read(tmp_path / "none.mp4")


def test_a_lost_stream_is_reconnected(tmp_path, stream):
    path = write_video(tmp_path / "v.ts", 30, size_wh=(320, 240))
    address = stream(path, 3)  # the first connection only probes the stream
    frames = []
    with open_video(address, patience=2) as video:
        assert video.live and video.total is None
        with pytest.raises(ConnectionError, match=r"no frame for .* s; the last reason"):
            frames.extend(video.frames)
    numbers = [number_of(frame.image) for frame in frames]
    assert numbers.count(0) == numbers.count(25) == 2  # the last ones are lost with the connection
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert all(a.pts < b.pts and a.time < b.time for a, b in pairwise(frames))


def test_a_stream_without_a_server_is_refused_at_once():
    began = time.monotonic()
    with pytest.raises(ValueError, match="cannot be read as a video: Connection refused"):
        read("http://127.0.0.1:9/none.ts")
    assert time.monotonic() - began < 5
    assert threading.active_count() < 10
