from fractions import Fraction

import av
import numpy as np
import pytest

from tests.support.video_files import number_of, numbered, times, write_video
from unipose.core.signature import signature
from unipose.video_io.writer import ENCODERS, VideoWriter, is_result

RATE, UNIT = Fraction(25), Fraction(1, 12_800)


def write(path, images, pts, time_base=UNIT, audio=None):
    with VideoWriter(path, RATE, time_base, audio) as writer:
        for image, at in zip(images, pts, strict=True):
            writer.write(image, at)


def read(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.mark.parametrize("suffix", ENCODERS)
def test_frames_can_be_read_back(tmp_path, suffix):
    path = tmp_path / f"v{suffix}"
    images = [numbered(i) for i in range(12)]
    write(path, images, [512 * i for i in range(12)])
    back = read(path)
    assert [number_of(image) for image in back] == list(range(12))
    assert np.abs(back[5].astype(int) - images[5]).mean() < 4
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_variable_frame_rate_is_kept(tmp_path):
    pts = [0, 40, 41, 300, 1000, 1001, 1500]
    write(tmp_path / "v.mp4", [numbered(i) for i in range(7)], pts, Fraction(1, 1000))
    assert [round(1000 * time) for time in times(tmp_path / "v.mp4")] == pts


def test_odd_sides_grow_and_other_sizes_are_resized(tmp_path):
    write(tmp_path / "v.mp4", [numbered(0, (63, 47)), numbered(1, (63, 47)), numbered(2, (128, 96))], [0, 512, 1024])
    back = read(tmp_path / "v.mp4")
    assert [image.shape for image in back] == [(48, 64, 3)] * 3
    assert [number_of(image) for image in back] == [0, 1, 2]


def audio_packets(path):
    """The times and bytes of the audio's packets."""
    with av.open(str(path)) as container:
        return [
            (float(p.dts * p.time_base), bytes(p))
            for p in container.demux(container.streams.audio)
            if p.dts is not None
        ]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_the_audio_is_copied_byte_for_byte(tmp_path, suffix):
    source = write_video(tmp_path / "in.mp4", 50, sound=True)
    write(tmp_path / f"out{suffix}", [numbered(i) for i in range(40)], [512 * i for i in range(40)], audio=source)
    before, after = audio_packets(source), audio_packets(tmp_path / f"out{suffix}")
    assert [data for _, data in before] == [data for _, data in after]
    late = times(tmp_path / f"out{suffix}")[0]  # Matroska has no negative timestamps: there both begin later
    assert np.allclose([at for at, _ in before], [at - late for at, _ in after], atol=0.002)


def test_an_error_leaves_the_frames_written_so_far_with_their_audio(tmp_path):
    source = write_video(tmp_path / "in.mp4", 100, sound=True)

    def fail():
        with VideoWriter(tmp_path / "out.mp4", RATE, UNIT, source) as writer:
            for i in range(40):
                writer.write(numbered(i), 512 * i)
            raise OSError("unplugged")

    with pytest.raises(OSError, match="unplugged"):
        fail()
    assert len(read(tmp_path / "out.mp4")) == 40
    assert 1.4 < audio_packets(tmp_path / "out.mp4")[-1][0] < 1.7


def test_without_frames_there_is_no_file(tmp_path):
    with VideoWriter(tmp_path / "v.mp4", RATE, UNIT):
        pass
    assert not list(tmp_path.iterdir())


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"written as .mp4, .mov, .mkv, .webm, not as .gif"):
        VideoWriter(tmp_path / "v.gif", RATE, UNIT)


def test_audio_that_the_format_does_not_take_is_refused_before_any_work(tmp_path):
    source = write_video(tmp_path / "in.mp4", sound=True)
    with pytest.raises(ValueError, match=r"aac sound.*does not fit into webm: write .mkv, or .*--no-sound"):
        VideoWriter(tmp_path / "v.webm", RATE, UNIT, source)


@pytest.mark.parametrize("suffix", ENCODERS)
def test_its_videos_are_known_and_others_are_not(tmp_path, suffix):
    write(tmp_path / f"ours{suffix}", [numbered(i) for i in range(3)], [0, 512, 1024])
    assert is_result(tmp_path / f"ours{suffix}")
    assert not is_result(write_video(tmp_path / "theirs.mp4", 3))
    (tmp_path / "notes.mp4").write_text(signature("overlay"))
    assert not is_result(tmp_path / "notes.mp4")
