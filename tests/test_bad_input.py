"""Every verb with what it cannot use: one line that names it, a status that is not 0, and nothing written."""

import os
import re
import shutil
import subprocess
import sys
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
    made = {"CLASSES": classes, "SMALL": small}
    words = [made[word](world) if word in made else word for word in OUTPUTS[suffix or "/"][name]]
    assert str(place) in refused(words, place)
    assert not list(tmp_path.rglob("*.part"))


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


PREDICT, VIDEO = ["predict", "PHOTO", *TO], ["video", "PHOTOS", "--json", "OUT.jsonl"]
PRETRAIN = ["pretrain", "CLASSES", "--trunk", "res2net_s", "--out", "OUT/t.safetensors"]
STUDY = ["study", "VARIANTS", *TINY]
VALUES = [  # a command, one of its options, and what it may not be
    (PREDICT, "--max-people", "0 -1 x nan 1.5"),
    (PREDICT, "--min-score", "2 -1 nan x"),
    (PREDICT, "--min-joint-score", "2 -1 nan x"),
    (PREDICT, "--detector-threshold", "2 -1 nan x"),
    (PREDICT, "--device", "tpu cuda:x mps"),
    ([*PREDICT, "--model", POSE_PT], "--device", "tpu cuda:x meta"),
    ([*PREDICT, "--engine", "openvino"], "--device", "tpu cuda"),
    (PREDICT, "--engine", "x"),
    (PREDICT, "--decoder", "x"),
    (PREDICT, "--detector", "x"),
    (VIDEO, "--batch", "0 -1 x"),
    (VIDEO, "--detect-every", "0 -3 nan"),
    (VIDEO, "--max-people", "0 x"),
    (VIDEO, "--memory", "-1 nan x"),
    (VIDEO, "--rate", "0 -25 1/0 nan inf x"),
    (VIDEO, "--patience", "-1 nan x"),
    (VIDEO, "--format", "x"),
    (["batch", "PHOTOS", *TO], "--workers", "0 -1 x"),
    (["batch", "PHOTOS", *TO], "--threads", "0 -1 x"),
    (["evaluate", "default", "SET"], "--window", "-1 x"),
    (["evaluate", "default", "SET", "--boxes", "detector"], "--share", "2 -1 nan x"),
    (["evaluate", "default", "SET"], "--metric", "x"),
    (["quantize", POSE, "OUT/m.onnx", "--images", "SET"], "--count", "0 -1 x"),
    (STUDY, "--seeds", "0 -1 x"),
    (STUDY, "--jobs", "0 -1 x"),
    (PRETRAIN, "--epochs", "0 -1 x"),
    (PRETRAIN, "--batch-size", "0 -1 x"),
    (PRETRAIN, "--lr", "0 -1 nan x"),
    (PRETRAIN, "--size", "0 -5 x"),
    (PRETRAIN, "--workers", "-1 x"),
    (PRETRAIN, "--mixup", "-1 nan"),
    (PRETRAIN, "--weight-decay", "-1 nan"),
    (PRETRAIN, "--dropout", "-1 2 nan"),
    (PRETRAIN, "--seed", "-1 99999999999999999999"),
    (PRETRAIN, "--optimizer", "x"),
    (PRETRAIN, "--device", "tpu"),
    (["models", "resnet50"], "--size", "x 0x5 5 -1x5 5x5x5 axb"),
    (["models", "resnet50"], "--keypoints", "0 -1 x"),
    (["models", "resnet50"], "--wasp-channels", "0 -1"),
    (["models", "resnet50"], "--decoder-channels", "0 -1"),
    (["models", "resnet50"], "--output-stride", "7"),
    (["bench", "train"], "--batches", "0 -1 x"),
    (["bench", "calm", "SET"], "--rate", "0 -1 nan x"),
    (["serve"], "--port", "-1 99999 x"),
    (["serve"], "--workers", "0 x"),
    (["serve"], "--threads", "-1 x"),
    (["serve"], "--detector-threshold", "2 nan"),
    (["serve"], "--min-score", "2 nan"),
    (["serve"], "--max-wait-ms", "-1 nan 99999"),
    (["serve"], "--deadline-seconds", "0 nan x"),
    (["serve"], "--header-seconds", "0 nan x"),
    (["serve"], "--stop-seconds", "-1 nan"),
    (["serve"], "--engine", "x"),
    (["serve", "--port", "0"], "--device", "tpu"),
]


@pytest.mark.parametrize(
    ("words", "option", "value"),
    [(words, option, value) for words, option, values in VALUES for value in values.split()],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_an_option_that_cannot_be(world, refused, tmp_path, words, option, value):
    (tmp_path / "variants.yaml").write_text("a: [train.lr=0.1]")
    made = {"CLASSES": classes(world), "VARIANTS": tmp_path / "variants.yaml"}
    error = refused([*(made.get(word, word) for word in words), f"{option}={value}"])
    assert option.split("-")[-1] in error and value in error


@pytest.mark.parametrize(
    ("override", "message"),
    [
        *((f"train.{key}={value}", f"train.{key}: Input should be greater") for key, value in {
            "epochs": 0, "batch_size": -4, "accumulate": 0, "lr": 0, "weight_decay": -1, "clip_norm": 0,
            "validate_every": 0, "seed": -1, "workers": -1, "threads": -1, "warmup_epochs": -1,
        }.items()),
        ("train.lr=.nan", "train.lr: Input should be"),
        ("train.ema_decay=1", "train.ema_decay: Input should be less than 1"),
        ("train.momentum=1.5", "train.momentum: Input should be less than 1"),
        ("train.joint_weights={head_top: -1}", "train.joint_weights.head_top: Input should be greater"),
        ("train.device=tpu", "PyTorch has no device 'tpu' here; use one of: cpu"),
        ("train.run=[", "train.run=[ is not YAML"),
        ("train.batch_size=999", "8 samples do not fill a batch of 999"),
        ("model.trunk=resnet51", "no trunk 'resnet51'; choose one of"),
        ("model.input_wh=[0, 64]", "model.input_wh.0: Input should be greater"),
        ("model.input_wh=[63, 64]", "must be a multiple of the heatmap stride"),
        ("model.multi_grid=[0]", "model.multi_grid.0: Input should be greater"),
        ("model.sigma=0", "model.sigma: Input should be greater than 0"),
        ("model.std=[0, 1, 1]", "model.std.0: Input should be greater than 0"),
        ("model.dropout=2", "model.dropout: Input should be less than or equal to 1"),
        ("data.window=0", "data.window: Input should be greater"),
        ("augment.scale=[0, 1]", "augment.scale.0: Input should be greater than 0"),
        ("augment.flip=2", "augment.flip: Input should be less than or equal to 1"),
        ("augment.stretch=0.5", "augment.stretch: Input should be greater than or equal to 1"),
        ("other.flip=2", "unknown key 'other.flip'; did you mean"),
        ("model=", "an override is section.key=value"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be(refused, override, message):
    assert message in refused(["train", *TINY, override])


@pytest.mark.parametrize(
    "text", ["", "# nothing", "[1]", "other:", "model: 3", "1: 2", "train: {epochs: 0}", "a: [", "\x00"]
)
def test_a_configuration_that_is_none_is_named(refused, tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    assert f"{path}" in refused(["train", path, "train.run=OUT"])


BOXES = {
    "0.1 0.2 0.9 0.8": "--box: is in pixels, x1, y1, x2, y2, not in shares of the image; got [0.1, 0.2, 0.9, 0.8]",
    "0 0 1 1": "--box: is in pixels",
    "20 10 10 60": "--box: must have x2 at least 1 more than x1",
    "10 10 60 10.5": "--box: must have x2 at least 1 more than x1, and y2 than y1",
    "nan 1 20 20": "--box[0]: is nan, no number",
    "1 1 inf 20": "--box[2]: is inf, no number",
    "900 10 990 60": "00001.jpg: --box: lies outside the image, which covers [0, 0, 192, 160]",
    "-90 -90 -10 -10": "00001.jpg: --box: lies outside the image",
    "1 2 3": "argument --box: expected 4 arguments",
    "1 2 30 40 50": "unrecognized arguments: 50",
    "1, 2, 30, 40": "argument --box: invalid float value: '1,'",
    "1,2,30,40": "argument --box: expected 4 arguments",
    "1;2;3;4": "argument --box: expected 4 arguments",
    "a b c d": "argument --box: invalid float value: 'a'",
}


@pytest.mark.parametrize(("box", "message"), BOXES.items())
def test_a_box_that_cannot_be(refused, box, message):
    assert message in refused([*PREDICT, "--box", *box.split()])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([*PREDICT, "--model", FINDER], "finder-s is a finder, not a pose model"),
        ([*PREDICT, "--model", FINDER_PT], "finder-s is a finder, not a pose model"),
        ([*PREDICT, "--detector-weights", POSE], "unipose-s is a pose model, not a finder"),
        ([*PREDICT, "--detector", "onnx", "--detector-weights", FINDER], f"{FINDER} has inputs"),
        ([*PREDICT, "--model", "SET"], "train.json is no model file by its name, which ends in .onnx or .safetensors"),
        (
            [*PREDICT, "--engine", "torch"],
            "torch reads .safetensors files, not unipose-s.onnx; `unipose export` converts",
        ),
        (["predict", "https://a.b/c.jpg", *TO], "https:/a.b/c.jpg is an address, and none is fetched"),
        (["predict", *TO], "the following arguments are required: IMAGE"),
        ([*VIDEO, "--model", FINDER], "finder-s is a finder, not a pose model"),
        (["evaluate", "default", "SET", "--detector-weights", POSE, "--boxes", "detector"], "not a finder"),
        (["evaluate", "SET", "SET"], "train.json is no model file by its name"),
        (["calibrate", FINDER_PT, *CALIBRATE, "SET"], f"{FINDER_PT} is not a network of single frames"),
        (["calibrate", POSE, *CALIBRATE, "SET"], f"{POSE} is not a safetensors file"),
        (["calibrate", POSE_PT, *CALIBRATE, "SET", "--people", "SET", "--finder", POSE_PT], "not a finder"),
        (["export", POSE, "OUT/m.onnx"], f"{POSE} is not a safetensors file"),
        (["export", POSE_PT, "OUT/m.pt"], "out/m.pt"),
        (["quantize", POSE_PT, *QUANTIZE, "SET"], f"{POSE_PT} is not a sound ONNX file"),
        (
            ["quantize", POSE, *QUANTIZE, "SET", "--count", "5"],
            "needs 10 people, half of them to compare on; there are 8",
        ),
        (["bench", "calm", "SET", "--model", FINDER], "finder-s is a finder, not a pose model"),
        (["bench", "speed"], "argument what: invalid choice: 'speed'"),
        (["train", *TINY, f"model.start={FINDER_PT}"], f"{FINDER_PT} is of another network"),
        (["serve", "--port", "0", "--model", FINDER], "finder-s is a finder, not a pose model"),
        (["serve", "--port", "0", "--detector-weights", POSE], "unipose-s is a pose model, not a finder"),
        (["serve", "--prot", "0"], "unrecognized arguments: --prot 0"),
        (["predikt"], "no verb 'predikt'; choose one of predict, video"),
    ],
)
def test_what_a_command_takes_for_something_else(refused, words, message):
    assert message in refused(words)
