"""Files as cameras, recorders, cutters and interrupted copies leave them: which frames come, when, and what is told."""

import logging
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from tests.support.video_files import number_of, numbered, packets_of, remuxed, write_video
from unipose.video_io.reader import open_video
from unipose.video_io.video import Frame, IncompleteVideo

CODECS = {".webm": "libvpx", ".wmv": "wmv2", ".mpg": "mpeg2video"}


def read(path: Path) -> tuple[list[Frame], str]:
    """The frames, and what is wrong with the file."""
    frames = []
    try:
        with open_video(str(path)) as video:
            frames.extend(video.frames)
    except IncompleteVideo as error:
        return frames, str(error)
    return frames, ""


def numbers(frames: list[Frame]) -> list[int]:
    return [number_of(frame.image) for frame in frames]


def seconds(frames: list[Frame]) -> list[float]:
    return [round(frame.time, 3) for frame in frames]


@pytest.mark.parametrize("rate", [Fraction(1), Fraction(1, 5), Fraction(2, 5)])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm", ".ts", ".avi", ".flv", ".wmv"])
def test_slow_videos_are_whole(tmp_path, suffix, rate):
    codec = CODECS.get(suffix, "libx264")
    frames, fault = read(write_video(tmp_path / f"v{suffix}", 6, rate, codec=codec))
    assert np.allclose(numbers(frames), range(6), atol=1) and not fault
    assert np.allclose(seconds(frames), [float(i / rate) for i in range(6)], atol=0.002)


@pytest.mark.parametrize("sound", [False, True])
@pytest.mark.parametrize("share", [0.5, 0.8])
@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".mkv", {}), (".webm", {}), (".flv", {}), (".mp4", {"movflags": "faststart"}),
        (".mp4", {"movflags": "frag_keyframe+empty_moov"}),
    ],
    ids=["mkv", "webm", "flv", "mp4", "fragments"],
)  # fmt: skip
def test_a_file_that_was_cut_off_gives_all_its_frames_and_says_so(tmp_path, suffix, options, sound, share):
    path = write_video(
        tmp_path / f"v{suffix}", 60, size_wh=(320, 240), codec=CODECS.get(suffix, "libx264"), container_options=options,
        sound=sound, sound_codec="libopus" if suffix == ".webm" else "aac",
    )  # fmt: skip
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    frames, fault = read(path)
    assert decodable(path) <= len(frames) < 60
    intact = len(frames) - 3  # beside damage, some of a frame's references are missing
    assert intact > 5 and np.allclose(numbers(frames)[:intact], range(intact), atol=1)
    if "frag_keyframe" in options.get("movflags", ""):  # fragments do not say how many there are
        assert "damaged piece" in fault or "its end is damaged" in fault
    else:
        assert "it breaks off after" in fault


def test_an_avi_that_was_cut_off_says_so(tmp_path):
    """Its index is at its end."""
    path = write_video(tmp_path / "v.avi", 60, size_wh=(320, 240), codec="mjpeg", pix_fmt="yuvj420p")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames, fault = read(path)
    assert 25 <= len(frames) == decodable(path) <= 30
    assert "it breaks off after" in fault


def decodable(path: Path) -> int:
    """As many frames as a decoder finds that takes one after another, and a reader that does not look at the end."""
    count = 0
    with av.open(str(path), options={"seekable": "0"} if path.suffix == ".mp4" else {}) as container:
        stream = container.streams.video[0]
        stream.thread_type = "SLICE"
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return count
                count += len(packet.decode())
            except av.error.InvalidDataError:
                continue


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_sound_and_subtitles_may_outlast_the_pictures(tmp_path, suffix):
    source = write_video(tmp_path / "in.mp4", 10)
    path = tmp_path / f"v{suffix}"
    with av.open(str(source)) as container, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(container.streams.video[0])
        tone = out.add_stream("aac", rate=16_000, layout="mono")
        for packet in packets_of(container):
            packet.stream = stream
            out.mux(packet)
        audio = av.AudioFrame.from_ndarray(np.zeros((1, 80_000), np.float32), format="fltp", layout="mono")
        audio.sample_rate = 16_000
        out.mux(tone.encode(audio))
        out.mux(tone.encode(None))
    frames, fault = read(path)
    assert (len(frames), fault) == (10, "")


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_frames_that_an_edit_list_hides_are_not_missed(tmp_path, suffix):
    """As where a file is cut without encoding it again: the cut lies behind a key frame."""
    source = write_video(tmp_path / "in.mp4", 30)
    with av.open(str(source)) as container:
        tick = container.streams.video[0].duration // 30
    path = remuxed(
        source, tmp_path / f"cut{suffix}", shift=-7 * tick, container_options={"avoid_negative_ts": "disabled"}
    )
    with open_video(str(path)) as video:
        assert video.total == 30  # as its header promises
    frames, fault = read(path)
    assert (numbers(frames), fault) == (list(range(7, 30)), "")
    assert frames[0].time == pytest.approx(0, abs=0.001) and frames[-1].time == pytest.approx(22 / 25, abs=0.001)


@pytest.mark.parametrize("promised", [5, 20])
def test_all_frames_come_whatever_the_header_promises(tmp_path, promised):
    path = write_video(tmp_path / "v.avi", 20, codec="rawvideo", pix_fmt="bgr24")
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"avih", 24), (b"strh", 40)):
        at = data.index(mark) + offset
        data[at : at + 4] = promised.to_bytes(4, "little")
    path.write_bytes(data)
    frames, fault = read(path)
    assert (numbers(frames), fault) == (list(range(20)), "")


def test_times_of_a_format_without_any_are_those_of_its_rate(tmp_path):
    frames, fault = read(write_video(tmp_path / "v.h264", 10))
    assert (seconds(frames), fault) == ([round(i / 25, 3) for i in range(10)], "")


def test_frames_that_an_avi_stores_out_of_order_come_evenly(tmp_path):
    """FFmpeg makes up their times, and some of them twice."""
    frames, fault = read(write_video(tmp_path / "v.avi", 20, options={"bf": "2"}))
    assert (numbers(frames), fault) == (list(range(20)), "")
    assert np.allclose(seconds(frames), np.arange(20) / 25, atol=0.002)


def test_files_joined_byte_by_byte_go_on_in_time(tmp_path):
    one = write_video(tmp_path / "one.ts", 20, sound=True).read_bytes()
    (tmp_path / "v.ts").write_bytes(one * 3)
    frames, fault = read(tmp_path / "v.ts")
    assert (numbers(frames), fault) == (list(range(20)) * 3, "")
    steps = np.diff([frame.time for frame in frames])
    assert np.allclose(steps, 1 / 25, atol=0.002)


@pytest.mark.parametrize("ahead", [3600 * 90_000, 2**33 - 30 * 3600])
def test_a_clock_that_jumps_or_begins_at_0_again_is_put_right(tmp_path, ahead):
    """An MPEG transport stream counts to 2^33 in 90,000ths of a second."""
    first = write_video(tmp_path / "1.ts", 20)
    later = remuxed(first, tmp_path / "2.ts", shift=ahead)
    (tmp_path / "v.ts").write_bytes(first.read_bytes() + later.read_bytes())
    for path, count in ((tmp_path / "v.ts", 40), (later, 20)):
        frames, fault = read(path)
        assert (len(frames), fault) == (count, "")
        assert np.allclose(np.diff([frame.time for frame in frames]), 1 / 25, atol=0.002)


@pytest.mark.parametrize(
    ("suffix", "start"),
    [(".mkv", 0), (".mkv", 5000), (".mov", 5000), (".ts", 500), (".ts", 2**31), (".ts", 2**33 - 9000)],
)
def test_a_video_may_begin_at_any_time(tmp_path, suffix, start):
    path = write_video(
        tmp_path / f"v{suffix}", 20, pts=[start + 3600 * i for i in range(20)], time_base=Fraction(1, 90_000)
    )
    frames, fault = read(path)
    assert (len(frames), fault) == (20, "")
    assert all(a.pts < b.pts and a.time < b.time for a, b in pairwise(frames))
    assert frames[-1].time - frames[0].time == pytest.approx(19 / 25, abs=0.003)


def test_times_that_repeat_still_grow(tmp_path):
    path = tmp_path / "v.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i, pts in enumerate([0, 40, 40, 80, 80, 120]):
            frame = av.VideoFrame.from_ndarray(numbered(i), format="rgb24")
            for packet in stream.encode(frame):
                packet.pts = packet.dts = pts
                packet.time_base = Fraction(1, 1000)
                out.mux(packet)
    frames, fault = read(path)
    assert (numbers(frames), fault) == ([0, 1, 2, 3, 4, 5], "")
    assert seconds(frames) == [0, 0.04, 0.041, 0.08, 0.081, 0.12]


def test_damage_at_the_end_loses_only_what_is_damaged(tmp_path):
    path = write_video(tmp_path / "v.mkv", 60, size_wh=(320, 240))
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        place = packets_of(container)[-2].pos
    data[place + 60 : place + 90] = bytes(30)
    path.write_bytes(data)
    frames, fault = read(path)
    assert len(frames) == decodable(path) >= 58
    assert "damaged piece" in fault


@pytest.mark.parametrize(
    ("suffix", "codec", "pix_fmt"),
    [(".mkv", "ffv1", "yuv444p10le"), (".mkv", "ffv1", "gray"), (".mp4", "libx264", "yuv444p"),
     (".mov", "qtrle", "argb"), (".mov", "png", "rgb48be"), (".mkv", "ffv1", "yuva420p"), (".avi", "rawvideo", "bgr24"),
     (".mkv", "ffv1", "gray16le"), (".y4m", "wrapped_avframe", "yuv420p")],
)  # fmt: skip
def test_pixels_of_any_kind(tmp_path, suffix, codec, pix_fmt):
    frames, fault = read(write_video(tmp_path / f"v{suffix}", 5, codec=codec, pix_fmt=pix_fmt))
    assert (numbers(frames), fault) == ([0, 1, 2, 3, 4], "")


def test_frames_of_another_size_come_as_they_are(tmp_path):
    parts = [write_video(tmp_path / f"{i}.ts", 10, size_wh=size) for i, size in enumerate([(64, 48), (48, 64)])]
    (tmp_path / "v.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    frames, fault = read(tmp_path / "v.ts")
    assert ([frame.image.shape for frame in frames], fault) == ([(48, 64, 3)] * 10 + [(64, 48, 3)] * 10, "")


def test_high_dynamic_range_is_told(tmp_path, caplog):
    path = write_video(tmp_path / "v.mkv", 5, pix_fmt="yuv420p10le", colours={"color_trc": 16, "color_primaries": 9})
    with caplog.at_level(logging.WARNING):
        assert len(read(path)[0]) == 5
    assert f"{path} is HDR (PQ): its colours are taken as they are" in caplog.text


@pytest.mark.parametrize("turned", [0, 90])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_shape_of_pixels_is_told_as_they_are_shown(tmp_path, suffix, turned):
    frames, _ = read(write_video(tmp_path / f"v{suffix}", 3, pixel_aspect=Fraction(16, 11), rotation=turned))
    assert {frame.pixel_aspect for frame in frames} == {Fraction(11, 16) if turned else Fraction(16, 11)}
