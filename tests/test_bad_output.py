"""Every verb with files that may not be read, and places that cannot be written: one line, and nothing half-written."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import POSE, POSE_PT, TINY, TO


@pytest.mark.parametrize(
    "words",
    [
        ["predict", "PHOTO", *TO, "--model", "UNREADABLE.onnx"],
        ["predict", "PHOTO", *TO, "--model", "UNREADABLE.safetensors"],
        ["predict", "PHOTO", *TO, "--detector", "onnx", "--detector-weights", "UNREADABLE.onnx"],
        ["predict", "UNREADABLE.jpg", *TO],
        ["video", "UNREADABLE.mp4", "--json", "OUT.jsonl"],
        ["evaluate", "default", "UNREADABLE.json"],
        ["export", "UNREADABLE.safetensors", "OUT/m.onnx"],
        ["train", "UNREADABLE.yaml"],
        ["predict", "PHOTO", "--out", "UNWRITABLE/x"],
        ["evaluate", "default", "SET", "--json", "UNWRITABLE/x.json"],
        ["video", "PHOTOS", "-o", "UNWRITABLE/x.mp4"],
        ["calibrate", POSE_PT, "UNWRITABLE/c.safetensors", "--data", "SET"],
        ["train", *TINY[:-1], "train.run=UNWRITABLE/x"],
    ],
    ids=lambda words: f"{words[0]} {words[-1]}",
)
def test_what_may_not_be_read_or_written(world, tmp_path, words):
    """In a process without root's powers, where the tests are root's."""
    command = [sys.executable, "-m", "unipose.cli", *world.command(words)]
    if os.access("/", os.W_OK):
        if not shutil.which("setpriv"):
            pytest.skip("root may do everything, and there is no setpriv to take that from it")
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    place = tmp_path / next(re.search(r"UN\w+[./].*", str(word))[0] for word in words if "UN" in str(word))
    if place.name.startswith("UNREADABLE"):
        place.touch(mode=0)
    else:
        place.parent.mkdir(mode=0o500)
    before = world.files()
    done = subprocess.run([word.replace("UN", f"{tmp_path}/UN") for word in command], capture_output=True, text=True)
    assert done.returncode in (1, 2), done.stdout
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1 and str(place) in done.stderr, done.stderr
    assert world.files() == before and not list(tmp_path.glob("UNWRITABLE/*"))


OUTPUTS = {  # suffix of the results that go to BAD
    "/": {
        "predict": ["predict", "PHOTO", "--out", "BAD"],
        "batch": ["batch", "PHOTOS", "--out", "BAD"],
        "train": ["train", *TINY, "train.run=BAD"],
        "evaluate, report": ["evaluate", "default", "SET", "--report", "BAD"],
    },
    ".mp4": {"video": ["video", "PHOTOS", "-o", "BAD"]},  # drawn beside, and put into its place
    ".jsonl": {"video, lines": ["video", "PHOTOS", "--json", "BAD"]},
    ".json": {"evaluate": ["evaluate", "default", "SET", "--json", "BAD"]},
    ".safetensors": {
        "calibrate": ["calibrate", POSE_PT, "BAD", "--data", "SET"],
        "pretrain": ["pretrain", "CLASSES", "--trunk", "res2net_s", "--size", "32", "--epochs", "1",
                     "--batch-size", "2", "--workers", "0", "--out", "BAD"],
    },
    ".onnx": {
        "export": ["export", "SMALL", "BAD"],
        "quantize": ["quantize", POSE, "BAD", "--count", "2", "--images", "SET"],
    },
}  # fmt: skip
PLACES = [(suffix, name) for suffix, commands in OUTPUTS.items() for name in commands]


@pytest.mark.parametrize("kind", ["under a file", "in no folder that can be", "a folder", "a full disk"])
@pytest.mark.parametrize(("suffix", "name"), PLACES, ids=lambda value: value.replace(" ", "-"))
def test_a_place_that_cannot_be_written(world, refused_command, tmp_path, suffix, name, kind):
    """Told before the work where that can be known: a full disk is not."""
    folder, suffix = suffix == "/", "" if suffix == "/" else suffix
    place = {
        "under a file": tmp_path / "file" / f"x{suffix}",
        "in no folder that can be": Path(f"/proc/x{suffix}"),
        "a folder": tmp_path / f"there{suffix}",
        "a full disk": tmp_path / f"full{suffix}",
    }[kind]
    (tmp_path / "file").touch()
    if kind == "a folder" and folder:
        (tmp_path / "there").touch()  # a file, where a folder is needed
    elif kind == "a folder":
        place.mkdir()
    elif kind == "a full disk":
        if folder or suffix == ".mp4":
            pytest.skip("these are not written to a device")
        place.symlink_to("/dev/full")
    made = {"CLASSES": world.classes, "SMALL": world.small_model}
    words = [made[word]() if word in made else word for word in OUTPUTS[suffix or "/"][name]]
    assert str(place) in refused_command(words, place)
    assert not list(tmp_path.rglob("*.part"))
