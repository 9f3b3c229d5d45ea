import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from torchvision import datasets

from unipose.modeling.pretrained import load_pretrained
from unipose.modeling.trunk import ZOO, Trunk
from unipose.pretrain import is_result, main
from unipose.weights import default_weights


def stripes(rng: np.random.Generator, upright: bool, size: int = 40) -> np.ndarray:
    """Noisy stripes of random width, phase and colour: only their direction tells the class."""
    wave = np.sin(np.arange(size) / rng.uniform(1.5, 3) + rng.uniform(0, 6))
    plane = np.tile(wave, (size, 1)) if upright else np.tile(wave[:, None], (1, size))
    image = 128 + 60 * plane[..., None] * rng.uniform(0.5, 1, 3) + rng.normal(0, 15, (size, size, 3))
    return image.clip(0, 255).astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for part, count in (("train", 64), ("val", 24)):
        for name in ("across", "upright"):
            (tmp_path / part / name).mkdir(parents=True)
            for i in range(count):
                Image.fromarray(stripes(rng, name == "upright")).save(tmp_path / part / name / f"{i}.png")
    return tmp_path


SMALL = ["--workers", "0", "--device", "cpu"]


def test_a_trunk_learns_classes_and_then_starts_a_pose_network(folder, capsys):
    out = folder / "out" / "trunk.safetensors"
    options = ["--trunk", "res2net_s", "--out", str(out), "--size", "32", "--epochs", "6", "--batch-size", "16", *SMALL]
    assert main([str(folder), *options]) == 0
    with safe_open(str(out), "pt") as file:
        assert file.metadata()["trunk"] == "res2net_s"
        assert float(file.metadata()["accuracy"]) > 85
        conv = file.get_tensor("trunk.stem.0.weight")
    assert capsys.readouterr().out.count("accuracy") == 6
    assert is_result(out)
    trunk = Trunk(ZOO["res2net_s"], 16)
    load_pretrained(trunk, "res2net_s", str(out))
    assert torch.equal(trunk.stem[0].weight, conv)


def test_cifar_files(tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    batches = tmp_path / "cifar-10-batches-py"
    batches.mkdir()
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        images = [stripes(rng, bool(i % 2), 32).transpose(2, 0, 1).ravel() for i in range(16)]
        (batches / name).write_bytes(pickle.dumps({"data": np.array(images), "labels": [i % 2 for i in range(16)]}))
    (batches / "batches.meta").write_bytes(pickle.dumps({"label_names": [f"class {i}" for i in range(10)]}))
    monkeypatch.setattr(datasets.cifar, "check_integrity", lambda *_: True)  # it knows the true files' hashes
    out = tmp_path / "t.safetensors"
    options = ["--trunk", "cifar_ho_midpoint_26", "--out", str(out), "--epochs", "1", "--batch-size", "8", *SMALL]
    assert main([str(tmp_path), *options]) == 0
    with safe_open(str(out), "pt") as file:
        assert file.get_tensor("head.weight").shape[0] == 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--trunk": "resnet51"}, "no trunk 'resnet51'"),
        ({"--out": "x.pt"}, "must end in .safetensors"),
        ({"--batch-size": "999"}, "do not fill a batch of 999"),
        ({"data": "nowhere"}, "neither train/ and val/"),
    ],
)
def test_errors_are_one_line(folder, tmp_path, capsys, change, message):
    options = {"--trunk": "res2net_s", "--out": str(tmp_path / "x.safetensors"), "--batch-size": "8"} | change
    data = options.pop("data", str(folder))
    assert main([data, *SMALL, *(word for pair in options.items() for word in pair)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error


def test_a_file_of_somebody_elses_is_kept(folder, capsys):
    """A pose model is no trunk of ours either."""
    out = folder / "mine.safetensors"
    out.write_bytes(default_weights().read_bytes())
    assert main([str(folder), *SMALL, "--trunk", "res2net_s", "--out", str(out)]) == 2
    assert "exists, and UniPose did not make it" in capsys.readouterr().err
    assert out.read_bytes() == default_weights().read_bytes()


def test_damaged_cifar_files_are_named(tmp_path, capsys):
    (tmp_path / "cifar-10-batches-py").mkdir()
    assert main([str(tmp_path), "--trunk", "res2net_s", "--out", "x.safetensors", *SMALL]) == 2
    assert "cifar-10-batches-py is damaged" in capsys.readouterr().err
