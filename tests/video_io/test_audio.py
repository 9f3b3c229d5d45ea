import logging
from fractions import Fraction

import av
import numpy as np
import pytest

from tests.support.video_files import numbered, times, write_video
from unipose.video_io.writer import VideoWriter


def sound(path) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as container:
        packets = container.demux(*container.streams.audio) if container.streams.audio else []
        return [(float(p.dts * p.time_base), bytes(p)) for p in packets if p.size]


def written(path, source, count=25):
    with VideoWriter(path, Fraction(25), Fraction(1, 25), source) as writer:
        for i in range(count):
            writer.write(numbered(i), i)
    return path


@pytest.mark.parametrize(
    ("codec", "suffix", "fits"),
    [
        ("aac", ".mp4", True), ("aac", ".webm", False), ("pcm_s16le", ".mov", True), ("pcm_s16le", ".webm", False),
        ("pcm_alaw", ".mkv", False), ("pcm_alaw", ".mov", True), ("libopus", ".webm", True), ("libopus", ".mov", False),
        ("flac", ".mp4", True), ("flac", ".mov", False), ("mp2", ".mp4", True),
    ],
)  # fmt: skip
def test_sound_that_does_not_fit_is_left_out_with_a_warning(tmp_path, codec, suffix, fits, caplog):
    home = ".mov" if codec == "pcm_alaw" else ".mkv"
    source = write_video(tmp_path / f"in{home}", 25, sound=True, sound_codec=codec)
    with caplog.at_level(logging.WARNING):
        path = written(tmp_path / f"out{suffix}", source)
    assert len(times(path)) == 25
    assert (len(sound(path)) > 0) == fits
    name = codec.removeprefix("lib")
    told = f"{source}: its sound is left out: {name} does not fit into"
    assert (told in caplog.text) == (not fits)


def test_sound_of_an_unknown_codec_is_left_out_with_a_warning(tmp_path, caplog):
    source = write_video(tmp_path / "in.avi", 25, codec="mpeg4", sound=True, sound_codec="mp2")
    data = source.read_bytes()
    mark = data.index(b"strf", data.index(b"auds")) + 8  # of WAVEFORMATEX, which begins with its codec's number
    source.write_bytes(data[:mark] + b"\x77\x77" + data[mark + 2 :])
    with caplog.at_level(logging.WARNING):
        path = written(tmp_path / "out.mp4", source)
    assert len(times(path)) == 25 and not sound(path)
    assert "its sound is left out: its codec is unknown" in caplog.text


def test_of_several_sounds_those_that_fit_are_kept(tmp_path, caplog):
    source = tmp_path / "in.mkv"
    with av.open(str(source), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        tones = [out.add_stream(codec, rate=48_000, layout="mono") for codec in ("libopus", "ac3")]
        frame = av.VideoFrame.from_ndarray(numbered(0))
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        out.mux([*stream.encode(frame), *stream.encode(None)])
        for tone in tones:
            form = tone.codec_context.format.name
            samples = np.zeros((1, 48_000), np.int16 if form == "s16" else np.float32)
            audio = av.AudioFrame.from_ndarray(samples, format=form, layout="mono")
            audio.sample_rate = 48_000
            out.mux([*tone.encode(audio), *tone.encode(None)])
    path = written(tmp_path / "out.mov", source)
    with av.open(str(path)) as container:
        assert [stream.codec_context.name for stream in container.streams.audio] == ["ac3"]
    assert "opus does not fit into mov" in caplog.text


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_of_joined_files_stays_beside_its_pictures(tmp_path, suffix):
    source = tmp_path / "in.ts"
    source.write_bytes(write_video(tmp_path / "one.ts", 25, sound=True).read_bytes() * 3)
    path = written(tmp_path / f"out{suffix}", source, 75)
    at = [time for time, _ in sound(path)]
    pairs = zip(sound(source), sound(path), strict=True)
    assert all(before.endswith(after) for (_, before), (_, after) in pairs)  # without the head that each has in a .ts
    assert np.diff(at).min() > 0 and at[-1] == pytest.approx(3.0, abs=0.3)


def test_sound_that_is_cut_off_does_not_stop_the_pictures(tmp_path):
    source = write_video(tmp_path / "in.mkv", 50, sound=True, size_wh=(320, 240))
    source.write_bytes(source.read_bytes()[: int(source.stat().st_size * 0.6)])
    path = written(tmp_path / "out.mp4", source, 50)
    assert len(times(path)) == 50 and len(sound(path)) > 0
