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

import av
import cv2
import numpy as np
import pytest

from tests.support.video_command import ANYBODY, lines, run
from tests.support.video_files import number_of, numbered, repeated, times, write_video
from unipose.core.image import read_image
from unipose.tracking.pose_tracker import PoseTracker
from unipose.video import main


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
