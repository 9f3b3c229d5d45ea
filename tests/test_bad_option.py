"""Every verb with options, settings and boxes that cannot be: one line that says which, and what would be right."""

import pytest

from tests.support.commands import POSE, POSE_PT, TINY, TO

PREDICT, VIDEO = ["predict", "PHOTO", *TO], ["video", "PHOTOS", "--json", "OUT.jsonl"]
PRETRAIN = ["pretrain", "CLASSES", "--trunk", "res2net_s", "--out", "OUT/t.safetensors"]
STUDY = ["study", "VARIANTS", *TINY]
CIFAR = ["cifar", "TRUNKS", "--run", "OUT"]
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
    (CIFAR, "--seeds", "0 -1 x"),
    (CIFAR, "--epochs", "0 -1 x"),
    (CIFAR, "--images", "0 -1 x"),
    (CIFAR, "--threads", "-1 x"),
    (CIFAR, "--device", "tpu"),
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
def test_an_option_that_cannot_be(world, refused_command, tmp_path, words, option, value):
    (tmp_path / "variants.yaml").write_text("a: [train.lr=0.1]")
    (tmp_path / "trunks.yaml").write_text("a: {trunk: cifar_wrn_10_2}")
    made = {"CLASSES": world.classes(), "VARIANTS": tmp_path / "variants.yaml", "TRUNKS": tmp_path / "trunks.yaml"}
    error = refused_command([*(made.get(word, word) for word in words), f"{option}={value}"])
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
        ("train.batch_size=999", "samples do not fill a batch of 999"),
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
def test_a_setting_that_cannot_be(refused_command, override, message):
    assert message in refused_command(["train", *TINY, override])


@pytest.mark.parametrize(
    "text", ["", "# nothing", "[1]", "other:", "model: 3", "1: 2", "train: {epochs: 0}", "a: [", "\x00"]
)
def test_a_configuration_that_is_none_is_named(refused_command, tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    assert f"{path}" in refused_command(["train", path, "train.run=OUT"])


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
    "1, 2, 30, 40": "argument --box: a number is wanted, got 1,",
    "1,2,30,40": "argument --box: expected 4 arguments",
    "1;2;3;4": "argument --box: expected 4 arguments",
    "a b c d": "argument --box: a number is wanted, got a",
}


@pytest.mark.parametrize(("box", "message"), BOXES.items())
def test_a_box_that_cannot_be(refused_command, box, message):
    assert message in refused_command([*PREDICT, "--box", *box.split()])
