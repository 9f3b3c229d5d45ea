"""What `unipose video` refuses, in one line, and the files that it leaves alone."""

from pathlib import Path

import cv2
import pytest

from tests.support.video_command import ANYBODY, lines, run
from tests.support.video_files import numbered, times, write_video
from unipose.video import main


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


@pytest.mark.parametrize("value", ["abc", "1/0", "-5", "nan", "1e999999999x"])
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


def test_a_missing_source_is_told(tmp_path, capsys):
    assert main([str(tmp_path / "none.mp4"), "--json", str(tmp_path / "out.jsonl")]) == 2
    assert "no file or folder" in capsys.readouterr().err


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
