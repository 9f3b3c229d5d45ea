"""Every verb with what it cannot use: one line that names it, a status that is not 0, and nothing written."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from unipose import cli
from unipose.datasets.synthetic.images import draw_sample
from unipose.weights import default_weights, finder_for, named_model

POSE, FINDER = named_model("default"), finder_for(named_model("default"))
POSE_PT, FINDER_PT = default_weights(), finder_for(default_weights())
TINY = [
    "model.input_wh=[64,64]", "model.wasp_channels=16", "model.decoder_channels=16", "train.workers=0",
    "train.threads=1", "train.batch_size=4", "train.epochs=1", "data.train=[SET]", "data.val=SET", "train.run=OUT",
]  # fmt: skip
TO = ["--out", "OUT"]
CALIBRATE, QUANTIZE = ["OUT/m.safetensors", "--data"], ["OUT/m.onnx", "--count", "2", "--images"]


@dataclass(frozen=True)
class World:
    """Good files to name beside the bad one, and a folder for results that is not there yet."""

    folder: Path

    def command(self, words, bad=""):
        """BAD, SET, PHOTO, PHOTOS and OUT stand for paths."""
        given = {"BAD": bad, "SET": self.folder / "set" / "train.json", "OUT": self.folder / "out"}
        given |= {"PHOTOS": self.folder / "photos", "PHOTO": self.folder / "photos" / "00001.jpg"}
        return [re.sub("|".join(given), lambda found: str(given[found[0]]), str(word)) for word in words]

    def files(self):
        return {path: path.lstat().st_mtime_ns for path in self.folder.rglob("*") if not path.is_dir()}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    draw_sample(folder / "set", count=10, seed=1)
    (folder / "photos").mkdir()
    shutil.copy(folder / "set" / "images" / "00001.jpg", folder / "photos")
    return World(folder)


@pytest.fixture
def refused(world, capsys, monkeypatch):
    """Whether a command is refused -> its line."""
    monkeypatch.setattr("signal.signal", lambda *_: None)

    def check(words, bad=""):
        before = world.files()
        try:
            code = cli.main(world.command(words, bad))
        except SystemExit as done:  # argparse
            code = done.code
        error = capsys.readouterr().err
        assert code in (1, 2), error
        assert error.startswith("error: ") and error.count("\n") == 1, error
        assert world.files() == before
        return error

    return check


INPUTS = {  # suffix of the file that a command expects in the place of BAD
    ".onnx": {
        "predict": ["predict", "PHOTO", *TO, "--model", "BAD"],
        "predict on OpenVINO": ["predict", "PHOTO", *TO, "--model", "BAD", "--engine", "openvino"],
        "predict on the fastest": ["predict", "PHOTO", *TO, "--model", "BAD", "--engine", "fastest"],
        "predict, finder": ["predict", "PHOTO", *TO, "--detector-weights", "BAD"],
        "predict, detector": ["predict", "PHOTO", *TO, "--detector", "onnx", "--detector-weights", "BAD"],
        "video": ["video", "PHOTOS", "--json", "OUT.jsonl", "--model", "BAD"],
        "batch": ["batch", "PHOTOS", *TO, "--model", "BAD"],
        "evaluate": ["evaluate", "BAD", "SET"],
        "quantize": ["quantize", "BAD", *QUANTIZE, "SET"],
        "bench calm": ["bench", "calm", "SET", "--model", "BAD"],
        "serve": ["serve", "--port", "0", "--model", "BAD"],
        "serve, finder": ["serve", "--port", "0", "--detector-weights", "BAD"],
    },
    ".safetensors": {
        "predict": ["predict", "PHOTO", *TO, "--model", "BAD"],
        "predict, finder": ["predict", "PHOTO", *TO, "--detector-weights", "BAD"],
        "calibrate": ["calibrate", "BAD", *CALIBRATE, "SET"],
        "calibrate, finder": ["calibrate", POSE_PT, *CALIBRATE, "SET", "--people", "SET", "--finder", "BAD"],
        "export": ["export", "BAD", "OUT/m.onnx"],
        "train, start": ["train", *TINY, "model.start=BAD"],
        "train, pretrained": ["train", *TINY, "model.pretrained=BAD"],
        "bench infer": ["bench", "infer", "--no-peers", "--weights", "BAD"],
    },
    ".pth": {
        "train, pretrained": ["train", *TINY, "model.pretrained=BAD"],
        "predict, detector": [
            "predict",
            "PHOTO",
            *TO,
            "--detector",
            "torchvision",
            "--detector-weights",
            "fasterrcnn_mobilenet_v3_large_320_fpn:BAD",
        ],
    },
    ".jpg": {"predict": ["predict", "BAD", *TO]},
    ".mp4": {"video": ["video", "BAD", "--json", "OUT.jsonl"]},
    ".json": {
        "train": ["train", *TINY, "data.train=[BAD]"],
        "train, val": ["train", *TINY, "data.val=BAD"],
        "evaluate": ["evaluate", "default", "BAD"],
        "evaluate, boxes": ["evaluate", "default", "SET", "--metric", "ap", "--boxes", "BAD"],
        "calibrate": ["calibrate", POSE_PT, *CALIBRATE, "BAD"],
        "calibrate, people": ["calibrate", POSE_PT, *CALIBRATE, "SET", "--people", "BAD"],
        "quantize": ["quantize", POSE, *QUANTIZE, "BAD"],
        "bench calm": ["bench", "calm", "BAD"],
    },
    ".yaml": {
        "train": ["train", "BAD", "train.run=OUT"],
        "study": ["study", "BAD", *TINY],
        "study, config": ["study", "VARIANTS", "BAD", "train.run=OUT"],
        "bench train": ["bench", "train", "BAD"],
    },
    "/": {
        "batch": ["batch", "BAD", *TO],
        "predict": ["predict", "BAD", *TO],
        "pretrain": ["pretrain", "BAD", "--trunk", "res2net_s", "--out", "OUT/t.safetensors"],
        "evaluate, empty": ["evaluate", "default", "SET", "--boxes", "detector", "--empty", "BAD"],
    },
}
CONTENT = {"empty": b"", "text": b"Hello, this is text.\n" * 9, "noise": bytes(range(256)) * 9}


def bad_path(folder, kind, suffix):
    """A path that is not what a command needs, though its name is."""
    suffix = "" if suffix == "/" else suffix
    path = folder / f"{kind}{suffix}"
    if kind == "folder":
        path.mkdir()
    elif kind == "under a file":
        (folder / "file").touch()
        return folder / "file" / f"x{suffix}"
    elif kind == "dangling":
        path.symlink_to(folder / "nothing")
    elif kind == "cut":
        whole = {".onnx": POSE, ".safetensors": POSE_PT}.get(suffix)
        path.write_bytes(whole.read_bytes()[:9000] if whole else CONTENT["text"][:5])
    elif kind != "missing":
        path.write_bytes(CONTENT[kind])
    return path


CASES = [(suffix, name) for suffix, commands in INPUTS.items() for name in commands]


@pytest.mark.parametrize("kind", ["missing", "empty", "folder", "text", "noise", "under a file", "dangling", "cut"])
@pytest.mark.parametrize(("suffix", "name"), CASES, ids=lambda value: value.replace(" ", "-"))
def test_a_file_that_cannot_be_used(refused, tmp_path, suffix, name, kind):
    bad = bad_path(tmp_path, kind, suffix)
    (tmp_path / "variants.yaml").write_text("a: [train.lr=0.1]")
    words = [word if word != "VARIANTS" else tmp_path / "variants.yaml" for word in INPUTS[suffix][name]]
    assert str(bad) in refused(words, bad)


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
def test_a_place_that_cannot_be_written(world, refused, tmp_path, suffix, name, kind):
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
    words = OUTPUTS[suffix or "/"][name]
    assert str(place) in refused(
        [{"CLASSES": classes, "SMALL": small}.get(w, lambda *_, w=w: w)(world) for w in words], place
    )
    assert list(tmp_path.rglob("*.part")) == []


def classes(world):
    """A folder of images of two classes."""
    folder = world.folder.with_name("classes")
    for part in ("train", "val"):
        for name in ("a", "b"):
            for i in range(2):
                (folder / part / name).mkdir(parents=True, exist_ok=True)
                shutil.copy(world.folder / "photos" / "00001.jpg", folder / part / name / f"{i}.jpg")
    return folder


def small(world):
    """A model that is quickly exported."""
    folder = world.folder.with_name("small")
    if not folder.exists():
        assert cli.main(world.command(["train", *TINY, "train.run=BAD"], folder)) == 0
    return folder / "last.safetensors"
