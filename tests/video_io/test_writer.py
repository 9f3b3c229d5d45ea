import subprocess
import sys
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


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
@pytest.mark.parametrize(("aspect", "size"), [(Fraction(16, 11), (93, 48)), (Fraction(11, 16), (64, 70))])
def test_pixels_keep_their_shape(tmp_path, suffix, aspect, size):
    """WebM has square pixels alone: there the picture gets more of them."""
    with VideoWriter(tmp_path / f"v{suffix}", RATE, UNIT) as writer:
        for i in range(3):
            writer.write(numbered(i), 512 * i, aspect)
    with av.open(str(tmp_path / f"v{suffix}")) as container:
        stream = container.streams.video[0]
        shown = stream.width * (stream.sample_aspect_ratio or 1) / stream.height
        assert (stream.width, stream.height) == ((size[0] + size[0] % 2, size[1]) if suffix == ".webm" else (64, 48))
    assert float(shown) == pytest.approx(float(64 * aspect / 48), rel=0.02)


def test_another_shape_is_not_stretched(tmp_path):
    upright = np.full((64, 48, 3), 255, np.uint8)
    write(tmp_path / "v.mp4", [numbered(0), upright], [0, 512])
    second = read(tmp_path / "v.mp4")[1]
    assert second.shape == (48, 64, 3)
    assert second[:, 16:48].min() > 200 and max(second[:, :12].max(), second[:, 52:].max()) < 40  # 36 wide


@pytest.mark.parametrize("suffix", ENCODERS)
@pytest.mark.parametrize(
    "unit", [Fraction(1, 1_200_000), Fraction(1), Fraction(5), Fraction(3600), Fraction(1001, 30_000)]
)
def test_times_of_any_unit_are_kept(tmp_path, suffix, unit):
    with VideoWriter(tmp_path / f"v{suffix}", RATE, unit) as writer:
        for i in range(4):
            writer.write(numbered(i), 60_000 * i if unit < Fraction(1, 1000) else i)
    expected = [0.05 * i if unit < Fraction(1, 1000) else float(i * unit) for i in range(4)]
    assert times(tmp_path / f"v{suffix}") == pytest.approx(expected, abs=0.001)


@pytest.mark.parametrize("size_wh", [(1, 1), (1, 300), (301, 2)])
@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_the_smallest_pictures_are_written(tmp_path, suffix, size_wh):
    write(tmp_path / f"v{suffix}", [np.full((size_wh[1], size_wh[0], 3), 90, np.uint8)] * 3, [0, 512, 1024])
    assert len(read(tmp_path / f"v{suffix}")) == 3


def test_pictures_that_an_encoder_does_not_take_leave_no_file(tmp_path):
    with pytest.raises(ValueError, match=r"v.mp4: libx264 takes no 20001 x 4 pixels; .webm takes larger ones"):
        write(tmp_path / "v.mp4", [np.zeros((4, 20_001, 3), np.uint8)], [0])
    assert not list(tmp_path.iterdir())
    write(tmp_path / "v.webm", [np.zeros((4, 20_001, 3), np.uint8)], [0])


FULL = """
import resource, sys
import numpy as np
from fractions import Fraction
from pathlib import Path
from unipose.video_io.writer import VideoWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
noise = np.random.default_rng(0)
try:
    with VideoWriter(Path(sys.argv[1]), Fraction(25), Fraction(1, 25)) as writer:
        for i in range(100):
            writer.write(noise.integers(0, 256, (240, 320, 3), np.uint8), i)
except OSError as error:
    print(error)
"""


@pytest.mark.parametrize("suffix", ENCODERS)
@pytest.mark.parametrize("size", [100, 100_000])
def test_where_the_disk_is_full_no_file_is_left(tmp_path, suffix, size):
    """Here, where the system lets no file grow further."""
    path = tmp_path / f"v{suffix}"
    done = subprocess.run([sys.executable, "-c", FULL, str(path), str(size)], capture_output=True, text=True)
    assert done.stdout == f"{path} cannot be written: File too large\n", done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("height", "matrix"), [(480, 6), (720, 1)])
def test_colours_are_those_of_a_player(tmp_path, height, matrix):
    """BT.601 for small pictures and BT.709 for others, as players take it where they are not told."""
    image = np.full((height, 640, 3), (30, 200, 60), np.uint8)
    write(tmp_path / "v.mp4", [image] * 3, [0, 512, 1024])
    with av.open(str(tmp_path / "v.mp4")) as container:
        frame = next(container.decode(video=0))
        assert (frame.colorspace, frame.color_range) == (matrix, 1)
        assert np.abs(frame.to_ndarray(format="rgb24").astype(int) - image).max() <= 4


@pytest.mark.parametrize("suffix", ENCODERS)
def test_its_videos_are_known_and_others_are_not(tmp_path, suffix):
    write(tmp_path / f"ours{suffix}", [numbered(i) for i in range(3)], [0, 512, 1024])
    assert is_result(tmp_path / f"ours{suffix}")
    assert not is_result(write_video(tmp_path / "theirs.mp4", 3))
    (tmp_path / "notes.mp4").write_text(signature("overlay"))
    assert not is_result(tmp_path / "notes.mp4")
