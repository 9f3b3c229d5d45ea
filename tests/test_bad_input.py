"""Every verb with files that it cannot use, or takes for something else: one line that names them, nothing written."""

import pytest

from tests.support.commands import CALIBRATE, FINDER, FINDER_PT, POSE, POSE_PT, QUANTIZE, TINY, TO

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
        "cifar": ["cifar", "BAD", "--run", "OUT"],
        "study, config": ["study", "VARIANTS", "BAD", "train.run=OUT"],
        "bench train": ["bench", "train", "BAD"],
    },
    "/": {
        "batch": ["batch", "BAD", *TO],
        "predict": ["predict", "BAD", *TO],
        "pretrain": ["pretrain", "BAD", "--trunk", "res2net_s", "--out", "OUT/t.safetensors"],
        "cifar": ["cifar", "TRUNKS", "BAD", "--run", "OUT"],
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
def test_a_file_that_cannot_be_used(refused_command, tmp_path, suffix, name, kind):
    bad = bad_path(tmp_path, kind, suffix)
    made = {"VARIANTS": "a: [train.lr=0.1]", "TRUNKS": "a: {trunk: cifar_wrn_10_2}"}
    for what, text in made.items():
        (tmp_path / f"{what}.yaml").write_text(text)
    words = [tmp_path / f"{word}.yaml" if word in made else word for word in INPUTS[suffix][name]]
    assert str(bad) in refused_command(words, bad)


PREDICT, VIDEO = ["predict", "PHOTO", *TO], ["video", "PHOTOS", "--json", "OUT.jsonl"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([*PREDICT, "--model", FINDER], "finder-s is a finder, not a pose model"),
        ([*PREDICT, "--model", FINDER_PT], "finder-s is a finder, not a pose model"),
        ([*PREDICT, "--detector-weights", POSE], "unipose-s is a pose model, not a finder"),
        ([*PREDICT, "--detector", "onnx", "--detector-weights", FINDER], f"{FINDER} has inputs"),
        ([*PREDICT, "--model", "SET"], "train.json is no model file by its name, which ends in .onnx or .safetensors"),
        (
            [*PREDICT, "--model", POSE, "--engine", "torch"],
            "torch reads .safetensors files, not unipose-s.onnx; `unipose export` converts",
        ),
        (["predict", "http://127.0.0.1:1/c.jpg", *TO], "http://127.0.0.1:1/c.jpg cannot be reached: "),
        (["predict", "ftp://a.b/c.jpg", *TO], "ftp:/a.b/c.jpg is an address, and none is fetched"),
        (["predict", *TO], "the following arguments are required: IMAGE"),
        ([*VIDEO, "--model", FINDER], "finder-s is a finder, not a pose model"),
        (["evaluate", "default", "SET", "--detector-weights", POSE, "--boxes", "detector"], "not a finder"),
        (["evaluate", "SET", "SET"], "train.json is no model file by its name"),
        (["calibrate", FINDER_PT, *CALIBRATE, "SET"], "finder-s is a finder, not a pose model"),
        (["calibrate", POSE, *CALIBRATE, "SET"], f"{POSE} is not a safetensors file"),
        (["calibrate", POSE_PT, *CALIBRATE, "SET", "--people", "SET", "--finder", POSE_PT], "not a finder"),
        (["export", FINDER, "OUT/m.onnx"], f"{FINDER} is a finder: it has no keypoints to read"),
        (["export", POSE_PT, "OUT/m.pt"], "out/m.pt"),
        (["quantize", POSE_PT, *QUANTIZE, "SET"], f"{POSE_PT} is not a sound ONNX file"),
        (
            ["quantize", POSE, *QUANTIZE, "SET", "--count", "500"],
            "needs 1000 people, half of them to compare on; there are ",
        ),
        (["bench", "calm", "SET", "--model", FINDER], "finder-s is a finder, not a pose model"),
        (["bench", "speed"], "argument what: invalid choice: 'speed'"),
        (["train", *TINY, f"model.start={FINDER_PT}"], f"model.decoder_channels=16, not 96 as in {FINDER_PT}"),
        (["serve", "--port", "0", "--model", FINDER], "finder-s is a finder, not a pose model"),
        (["serve", "--port", "0", "--detector-weights", POSE], "unipose-s is a pose model, not a finder"),
        (["serve", "--prot", "0"], "unrecognized arguments: --prot 0"),
        (["predikt"], "no verb 'predikt'; choose one of predict, video"),
    ],
)
def test_what_a_command_takes_for_something_else(refused_command, words, message):
    assert message in refused_command(words)
