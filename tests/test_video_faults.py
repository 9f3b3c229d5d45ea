"""Videos that are damaged or do not fit, and disks that are full."""

import subprocess
import sys
import time

import av
import cv2
import numpy as np
import pytest

from tests.support.video_command import ANYBODY, lines, run
from tests.support.video_files import numbered, times, write_video
from unipose.video import main


def test_a_truncated_file_leaves_what_could_be_read(tmp_path, outputs, capsys):
    source = write_video(tmp_path / "in.mkv", 60, size_wh=(320, 240))
    source.write_bytes(source.read_bytes()[: int(source.stat().st_size * 0.6)])
    assert run(source, outputs) == 1
    assert "breaks off after" in capsys.readouterr().err
    assert 10 < len(times(outputs[0])) == len(lines(outputs[1])) < 60


@pytest.mark.parametrize("batch", ["1", "4", "7", "100"])
@pytest.mark.parametrize("share", [0.5, 0.62, 0.8])
def test_every_frame_of_a_file_that_was_cut_off_is_written(tmp_path, outputs, batch, share, capsys):
    source = write_video(tmp_path / "in.mkv", 60, size_wh=(320, 240), sound=True)
    source.write_bytes(source.read_bytes()[: int(source.stat().st_size * share)])
    with av.open(str(source)) as container:
        count = sum(1 for _ in container.decode(video=0))
    assert run(source, outputs, "--batch", batch) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "breaks off after" in error and f"{count} frames written" in error
    assert len(times(outputs[0])) == len(lines(outputs[1])) == count < 60


def test_frames_that_cannot_be_read_are_left_out_and_told(tmp_path, outputs, capsys):
    source = tmp_path / "in"
    source.mkdir()
    for i in range(1, 12):
        cv2.imwrite(str(source / f"{i}.png"), numbered(i))
    (source / "4.png").write_bytes((source / "4.png").read_bytes()[:60])
    assert run(source, outputs, "--rate", "10") == 1
    error = capsys.readouterr().err
    assert (
        error.count("\n") == 1 and "1 of 11 images could not be read" in error and f"{source / '4.png'} is a" in error
    )
    assert [line["frame"] for line in lines(outputs[1])] == [0, 1, 2, *range(4, 11)]
    assert np.allclose(times(outputs[0]), [line["time"] for line in lines(outputs[1])])


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_sound_that_does_not_fit_is_left_out_with_a_warning(tmp_path, suffix, caplog):
    source = write_video(tmp_path / "in.mov", 10, sound=True, sound_codec="pcm_alaw")
    assert main([str(source), "-o", str(tmp_path / f"out{suffix}"), *ANYBODY]) == 0
    assert f"{source}: its sound is left out: pcm_alaw does not fit into" in caplog.text
    assert len(times(tmp_path / f"out{suffix}")) == 10


def test_a_warning_is_a_line(tmp_path):
    source = write_video(tmp_path / "in.mov", 3, sound=True, sound_codec="pcm_alaw")
    command = [sys.executable, "-m", "unipose.video", str(source), "-o", str(tmp_path / "out.mp4"), *ANYBODY]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr.splitlines()
    assert said[0] == (
        f"warning: {source}: its sound is left out: pcm_alaw does not fit into mp4; .mkv holds more"
    ) and said[1].startswith(f"{source}: 3 frames written") and len(said) == 2  # fmt: skip


@pytest.mark.parametrize("kind", ["no frames", "sound", "noise"])
def test_a_source_without_frames_leaves_no_files(tmp_path, outputs, kind, capsys):
    source = tmp_path / "in.mp4"
    if kind == "noise":
        source.write_bytes(b"no video")
    else:
        with av.open(str(source), "w") as out:
            if kind == "no frames":
                stream = out.add_stream("libx264", rate=25)
                stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            else:
                out.add_stream("aac", rate=16_000, layout="mono")
            out.start_encoding()
    assert run(source, outputs) in (1, 2)
    error = capsys.readouterr().err
    assert error.startswith(f"error: {source}") and error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4"]


@pytest.mark.parametrize("part", ["read", "follow", "write"])
def test_an_error_anywhere_surfaces_soon(tmp_path, outputs, part, monkeypatch, capsys):
    source = write_video(tmp_path / "in.mp4", 60)

    def broken(*_):
        raise OSError(28, "No space left on device")

    if part == "follow":
        monkeypatch.setattr("unipose.tracking.pose_tracker.PoseTracker.__call__", broken)
    elif part == "write":
        monkeypatch.setattr("unipose.video_io.writer.VideoWriter.write", broken)
    else:
        monkeypatch.setattr("unipose.video_io.decoding.pixels", broken)
    began = time.monotonic()
    assert run(source, outputs) == 2
    assert time.monotonic() - began < 10
    assert "No space left on device" in capsys.readouterr().err


FULL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
from unipose import video
sys.exit(video.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("what", ["video", "lines"])
def test_a_full_disk_is_told_and_leaves_whole_lines_and_no_half_video(tmp_path, outputs, what):
    source = write_video(tmp_path / "in.mp4", 200)
    wanted = ["-o", str(outputs[0])] if what == "video" else ["--json", str(outputs[1])]
    command = [sys.executable, "-c", FULL, str(source), *wanted, *ANYBODY]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2  # before the last line a busy machine may tell how far it is
    assert done.stderr.splitlines()[-1] == f"error: {wanted[1]} cannot be written: File too large"
    if what == "video":
        assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]
    else:
        assert 2000 < outputs[1].stat().st_size <= 5000 and len(lines(outputs[1])) >= 1
