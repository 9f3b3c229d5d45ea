import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.support.video_files import number_of, numbered, repeated, times, write_video
from unipose.core.image import read_image
from unipose.tracking.pose_tracker import PoseTracker
from unipose.video import main

ANYBODY = ["--detector", "whole", "--min-score", "0"]  # these pictures show nobody


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def outputs(tmp_path):
    return tmp_path / "out.mp4", tmp_path / "out.jsonl"


def run(source, outputs, *options):
    return main([str(source), "-o", str(outputs[0]), "--json", str(outputs[1]), *ANYBODY, *options])


def test_a_file_with_sound_and_uneven_times(tmp_path, outputs, capsys):
    pts = [0, 40, 41, 300, 310, 400, 410, 420, 500, 600, 650]
    source = write_video(tmp_path / "in.mp4", len(pts), pts=pts, time_base=Fraction(1, 1000), sound=True)
    assert run(source, outputs) == 0
    assert [round(1000 * at) for at in times(outputs[0])] == pts
    assert [(line["frame"], round(1000 * line["time"])) for line in lines(outputs[1])] == list(enumerate(pts))
    with av.open(str(outputs[0])) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        assert container.streams.video[0].codec_context.name == "h264"
    assert "11 frames written" in capsys.readouterr().err


def test_a_folder_of_images(tmp_path, outputs):
    (tmp_path / "in").mkdir()
    for i in range(12):
        cv2.imwrite(str(tmp_path / "in" / f"{i}.png"), numbered(i))
    assert run(tmp_path / "in", outputs, "--rate", "10") == 0
    assert np.allclose(times(outputs[0]), np.arange(12) / 10)
    assert [line["time"] for line in lines(outputs[1])] == [i / 10 for i in range(12)]


@pytest.mark.parametrize("form", ["coco", "openpose", "csv"])
def test_other_lines_to_the_standard_output(tmp_path, form, capsys):
    source = write_video(tmp_path / "in.mp4", 6)
    each_frame = ["--detect-every", "1", "--batch", "1"]
    assert main([str(source), "--json", "-", "--format", form, *ANYBODY, *each_frame]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("frame,time,track_id" if form == "csv" else "{")
    assert len(out) >= 6


def test_people_keep_one_id_and_are_drawn(real_data, tmp_path, outputs):
    """Five seconds of a real video in which one person stands and turns."""
    source = clip(real_data / "people_walking.mp4", range(260, 310), tmp_path / "in.mp4")
    assert main([str(source), "-o", str(outputs[0]), "--json", str(outputs[1])]) == 0
    assert [[pose["track_id"] for pose in line["poses"]] for line in lines(outputs[1])] == [[1]] * 50
    with av.open(str(source)) as before, av.open(str(outputs[0])) as after:
        pairs = zip(before.decode(video=0), after.decode(video=0), strict=True)
        apart = [np.abs(a.to_ndarray(format="rgb24").astype(int) - b.to_ndarray(format="rgb24")) for a, b in pairs]
    assert all((difference.max(axis=2) > 60).sum() > 500 for difference in apart)  # the skeleton
    assert all(np.median(difference) < 3 for difference in apart)  # and nothing else


def test_ids_are_as_many_as_people_and_an_empty_room_is_empty(real_data, tmp_path):
    """24 seconds of a real video: a room with a table, a woman who comes, stands and goes, the room, a man who comes.

    Between these frames somebody is only partly in the picture.
    """
    out = tmp_path / "out.jsonl"
    source = clip(real_data / "people_walking.mp4", range(40, 280), tmp_path / "in.mp4")
    assert main([str(source), "--json", str(out)]) == 0
    ids = {line["frame"] + 40: [pose["track_id"] for pose in line["poses"]] for line in lines(out)}
    assert all(not ids[frame] for frame in [*range(40, 60), *range(200, 228)])
    assert all(ids[frame] == [1] for frame in range(68, 195))
    assert all(ids[frame] == [2] for frame in range(236, 280))


def clip(source, frames, path):
    """Some frames of a video of ten a second."""
    with av.open(str(source)) as container, av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=10, options={"crf": "18", "preset": "veryfast"})
        origin = container.streams.video[0]
        stream.width, stream.height, stream.pix_fmt = origin.width, origin.height, "yuv420p"
        for index, picture in enumerate(islice(container.decode(video=0), frames.start, frames.stop)):
            picture.pts, picture.time_base = index, Fraction(1, 10)
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return path


def test_a_truncated_file_leaves_what_could_be_read(tmp_path, outputs, capsys):
    source = write_video(tmp_path / "in.mkv", 60, size_wh=(320, 240))
    source.write_bytes(source.read_bytes()[: int(source.stat().st_size * 0.6)])
    assert run(source, outputs) == 1
    assert "breaks off after" in capsys.readouterr().err
    assert 10 < len(times(outputs[0])) == len(lines(outputs[1])) < 60


def test_of_a_stream_the_latest_frame_is_looked_at(tmp_path, outputs, stream, monkeypatch, capsys):
    patient = PoseTracker.__call__

    def slow(self, images, times):
        time.sleep(0.2)
        return patient(self, images, times)

    monkeypatch.setattr(PoseTracker, "__call__", slow)
    address = stream(write_video(tmp_path / "v.ts", 60, size_wh=(320, 240)), 2, pause=0.1)
    assert run(address, outputs, "--patience", "1") == 1
    assert "no frame for" in capsys.readouterr().err
    told = lines(outputs[1])
    assert 2 <= len(told) == len(times(outputs[0])) < 60  # two on a busy machine
    assert told[-1]["frame"] >= 50  # numbers are those of the frames that came, most of which nobody waited for
    assert np.allclose([line["time"] for line in told], times(outputs[0]), atol=0.01)


SLOWLY = """
import sys, time
from unipose import video
from unipose.tracking.pose_tracker import PoseTracker
patient = PoseTracker.__call__
def slow(self, images, times):
    time.sleep(0.2)
    return patient(self, images, times)
PoseTracker.__call__ = slow
sys.exit(video.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_stopping_leaves_a_video_and_lines_up_to_there(tmp_path, outputs, how):
    source = write_video(tmp_path / "in.mp4", 200, sound=True)
    command = [sys.executable, "-c", SLOWLY, str(source), "-o", str(outputs[0]), "--json", str(outputs[1]), *ANYBODY]
    # Where the tests run in the background of a shell, children would ignore SIGINT.
    heeds = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heeds)
    for _ in range(300):
        time.sleep(0.1)
        if outputs[1].exists() and len(outputs[1].read_text().splitlines()) >= 8:
            break
    process.send_signal(how)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130 and "interrupted:" in said and "Traceback" not in said
    assert 8 <= len(lines(outputs[1])) == len(times(outputs[0])) < 200


def test_a_terminal_sees_speed_and_time_left(tmp_path):
    source = write_video(tmp_path / "in.mp4", 100)
    ours, theirs = os.openpty()
    command = [sys.executable, "-c", SLOWLY, str(source), "--json", str(tmp_path / "out.jsonl"), *ANYBODY]
    process = subprocess.Popen(command, stderr=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "120"})
    os.close(theirs)
    said = b""
    with suppress(OSError):  # what reading a terminal that is left raises
        while data := os.read(ours, 65536):
            said += data
    os.close(ours)
    assert process.wait(20) == 0
    plain = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", said)  # without colours and movements
    assert re.search(rb"\d+/100 \d+\.\d frames/s \d:\d\d:\d\d \d:\d\d:\d\d", plain)
    assert b"100 frames written" in said


def pictures(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "say what to write: -o OUT.mp4, --json OUT.jsonl, or both"),
        (["--json", "{folder}/out.jsonl", "--max-people", "0"], "from 1 up, got 0"),
        (["-o", "{folder}/out.gif"], "a video is written as"),
        (["--json", "{folder}/out.jsonl", "--batch", "0"], "from 1 up, got 0"),
        (["--json", "{folder}/out.jsonl", "--detect-every", "0"], "from 1 up, got 0"),
        (
            ["--json", "{folder}/none/out.jsonl"],
            "none/out.jsonl: there is no folder {folder}/none; make it first",
        ),
        (["--json", "{folder}/out.jsonl", "--model", "none.onnx"], "no model file none.onnx"),
        (["--json", "{folder}/out.jsonl", "--detector", "onnx"], "needs weights"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(tmp_path, options, message, capsys):
    source = write_video(tmp_path / "in.mp4", 4)
    before = source.read_bytes()
    assert main([str(source), *(option.format(source=source, folder=tmp_path) for option in options)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message.format(folder=tmp_path) in error and error.count("\n") == 1
    assert source.read_bytes() == before


RIGHT = {
    "--rate": ("a number as 25, 29.97 or 30000/1001", "a rate is from 1/3600 to 1000 frames per second"),
    "--batch": ("a whole number", "--batch is a number from 1 up"),
    "--detect-every": ("a whole number", "--detect-every is a number from 1 up"),
    "--max-people": ("a whole number", "--max-people is a number from 1 up"),
    "--memory": ("a number", "--memory is a number from 0 up"),
    "--patience": ("a number", "--patience is a number from 0 up"),
    "--min-score": ("a number", "--min-score, of a person, is a number from 0 to 1"),
    "--detector-threshold": ("a number", "the detector's threshold, a score, is a number from 0 to 1"),
}


@pytest.mark.parametrize("value", ["abc", "", "1/0", "-5", "nan", "1e999999999x"])
@pytest.mark.parametrize("option", RIGHT)
def test_a_number_that_cannot_be_is_told_what_would_be(tmp_path, option, value, capsys):
    source = tmp_path / "in"
    source.mkdir()
    cv2.imwrite(str(source / "0.png"), numbered(0))
    try:
        code = main([str(source), "--json", str(tmp_path / "out.jsonl"), option, value])
    except SystemExit as ended:
        code = ended.code
    error = capsys.readouterr().err
    assert code == 2 and error.startswith("error: ") and error.count("\n") == 1
    wanted, accepted = RIGHT[option]
    assert f"argument {option}: {wanted} is wanted, got {value}" in error or f"{accepted}, got {value}" in error
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("rate", ["0", "1e999999999", "1001", "1/3601", "inf"])
def test_a_rate_that_cannot_be_is_told_what_would_be(tmp_path, rate, capsys):
    test_a_number_that_cannot_be_is_told_what_would_be(tmp_path, "--rate", rate, capsys)


def test_a_video_has_no_other_rate(tmp_path, outputs, capsys):
    assert run(write_video(tmp_path / "in.mp4", 4), outputs, "--rate", "10") == 2
    assert "in.mp4 has times of its own: a rate is for images without" in capsys.readouterr().err
    assert not any(output.exists() for output in outputs)


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
    assert (done.returncode, done.stderr) == (2, f"error: {wanted[1]} cannot be written: File too large\n")
    if what == "video":
        assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]
    else:
        assert 2000 < outputs[1].stat().st_size <= 5000 and len(lines(outputs[1])) >= 1


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    """A folder, the working one, with a video that is the input, links to it, and other files of somebody's."""
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "in.mp4", 4)
    (tmp_path / "soft.mp4").symlink_to("in.mp4")
    (tmp_path / "hard.mp4").hardlink_to(tmp_path / "in.mp4")
    write_video(tmp_path / "holiday.mp4", 5)
    (tmp_path / "frames").mkdir()
    cv2.imwrite("frames/0.png", numbered(0))
    for name in ("notes.txt", "data.json", "table.csv"):
        (tmp_path / name).write_text('{"mine": 1}\n')
    return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


INPUT, OTHER = "would overwrite what it is made from", "exists, and UniPose did not make it"


@pytest.mark.parametrize(
    ("arguments", "message", "force"),
    [
        *(
            (["in.mp4", option, name], INPUT, force)
            for option in ("-o", "--json")
            for name in ("in.mp4", "./in.mp4", "frames/../in.mp4", "soft.mp4", "hard.mp4")
            for force in ([], ["--force"])
        ),
        (["soft.mp4", "-o", "in.mp4"], INPUT, []),
        (["frames", "--json", "frames/0.png"], INPUT, ["--force"]),
        (["in.mp4", "--model", "data.json", "--json", "data.json"], INPUT, ["--force"]),
        (["in.mp4", "--detector-weights", "finder:notes.txt", "--json", "notes.txt"], INPUT, ["--force"]),
        (["in.mp4", "-o", "holiday.mp4"], OTHER, []),
        (["in.mp4", "--json", "holiday.mp4"], OTHER, []),
        (["in.mp4", "--json", "notes.txt"], OTHER, []),
        (["in.mp4", "--json", "data.json"], OTHER, []),
        (["in.mp4", "--json", "table.csv", "--format", "csv"], OTHER, []),
        (["in.mp4", "-o", "new.mp4", "--json", "./new.mp4"], "would be written twice", ["--force"]),
        (["in.mp4", "--json", "frames"], "frames is a folder", ["--force"]),
    ],
)
def test_nobody_loses_a_file(theirs, tmp_path, arguments, message, force, capsys):
    assert main([*arguments, *force]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1
    assert theirs == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_results_and_what_is_forced_are_replaced(theirs, tmp_path):
    command = ["in.mp4", "-o", "holiday.mp4", "--json", "notes.txt", *ANYBODY]
    assert main([*command, "--force"]) == 0
    assert len(times(Path("holiday.mp4"))) == len(lines(Path("notes.txt"))) == 4
    for form in ("csv", "openpose", "coco", "native"):
        assert main([*command, "--format", form]) == 0


def test_a_missing_source_is_told(tmp_path, capsys):
    assert main([str(tmp_path / "none.mp4"), "--json", str(tmp_path / "out.jsonl")]) == 2
    assert "no file or folder" in capsys.readouterr().err


@pytest.mark.slow
def test_ten_minutes_take_no_more_memory_than_one(real_data, tmp_path):
    """Peak memory of processes that follow one minute and ten of 768x432."""
    peaks = []
    for minutes in (1, 10):
        out = tmp_path / f"{minutes}.jsonl"
        source = repeated(real_data / "people_walking.mp4", 600 * minutes, tmp_path / f"in{minutes}.mp4")
        code = (
            "import re, sys; from unipose.video import main; status = main(sys.argv[1:]);"
            "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]); sys.exit(status)"
        )
        command = [sys.executable, "-c", code, str(source), "--json", str(out), "-o", str(tmp_path / f"{minutes}.mp4")]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert len(lines(out)) == 600 * minutes
        peaks.append(int(done.stdout) // 1024)
    print(f"peak memory, MB: one minute {peaks[0]}, ten minutes {peaks[1]}")
    assert peaks[1] < peaks[0] + 40


def test_one_image_is_a_video_of_one_frame(tmp_path, outputs):
    cv2.imwrite(str(tmp_path / "one.png"), numbered(3, (96, 64)))
    assert run(tmp_path / "one.png", outputs) == 0
    assert number_of(pictures(outputs[0])[0]) == 3
    assert read_image(tmp_path / "one.png").shape == (64, 96, 3)
