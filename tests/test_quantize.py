import json
import re

import numpy as np
import onnx
import pytest

from unipose.datasets.records import read_records
from unipose.datasets.synthetic.images import draw_sample
from unipose.quantize import keypoint_distances, main, prepared
from unipose.runtime.engines import open_runtime
from unipose.runtime.onnx_graph import split
from unipose.weights import named_model

ENGINES = ["onnxruntime", "openvino"]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    train, _ = draw_sample(tmp_path_factory.mktemp("sample"), count=50, seed=1, figures=(1,))
    return train


def quantized(images, out, *options):
    return main([str(named_model("fp32")), str(out), "--images", str(images), *options])


def test_a_quantized_model_is_small_and_finds_the_same(images, tmp_path, capsys):
    out = tmp_path / "int8.onnx"
    assert quantized(images, out, "--count", "16") == 0
    assert re.findall("(.*): keypoints move by", capsys.readouterr().out) == ENGINES
    assert out.stat().st_size < 0.35 * named_model("fp32").stat().st_size
    full, small = open_runtime(named_model("fp32")), open_runtime(out)
    assert small.spec.provenance["int8"] == "static, calibrated on 16 people"
    assert small.spec.skeleton == full.spec.skeleton and small.spec.input_wh == full.spec.input_wh
    decoders = [split(onnx.load(path))[1].graph for path in (out, named_model("fp32"))]
    assert decoders[0].node == decoders[1].node and decoders[0].initializer == decoders[1].initializer  # in float32
    batch = np.stack([prepared(full, record) for record in read_records(images).records[:8]])
    for engine in ENGINES:
        other = open_runtime(out, engine)
        apart = np.abs(full.run(batch) - other.run(batch))
        assert np.quantile(apart, 0.999) < 0.06 and apart.mean() < 5e-4  # of maps whose peaks are near 1
        cells = keypoint_distances(full, other, batch)
        assert np.median(cells) < 0.1 and np.quantile(cells, 0.9) < 0.25
    assert [path.name for path in tmp_path.iterdir()] == ["int8.onnx"]


def test_too_few_people_are_refused(images, tmp_path, capsys):
    assert quantized(images, tmp_path / "int8.onnx", "--count", "21") == 2
    assert "needs 42 people" in capsys.readouterr().err


def test_a_model_that_becomes_too_bad_is_not_written(images, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("unipose.quantize.WORST", 0.0)
    assert quantized(images, tmp_path / "int8.onnx", "--count", "4") == 2
    assert "is not written" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("force", [[], ["--force"]])
@pytest.mark.parametrize("spelling", ["m.onnx", "./m.onnx", "soft.onnx", "hard.onnx"])
def test_its_input_is_not_its_output(images, tmp_path, capsys, monkeypatch, spelling, force):
    monkeypatch.chdir(tmp_path)
    model = tmp_path / "m.onnx"
    model.write_bytes(named_model("fp32").read_bytes())
    (tmp_path / "soft.onnx").symlink_to("m.onnx")
    (tmp_path / "hard.onnx").hardlink_to(model)
    assert main(["m.onnx", spelling, "--images", str(images), *force]) == 2
    assert "would overwrite what it is made from" in capsys.readouterr().err
    assert model.read_bytes() == named_model("fp32").read_bytes()


@pytest.mark.parametrize(
    ("name", "force", "message"),
    [
        ("train.json", ["--force"], "would overwrite what it is made from"),
        ("images/00002.jpg", ["--force"], "would overwrite what it is made from"),
        ("theirs.onnx", [], "exists, and UniPose did not make it"),
    ],
)
def test_nobody_loses_a_file(tmp_path, capsys, name, force, message):
    train, _ = draw_sample(tmp_path, count=5)
    (tmp_path / "theirs.onnx").write_text("mine")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    assert quantized(train, tmp_path / name, *force) == 2
    assert message in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def test_a_file_that_is_no_set_is_refused(tmp_path, capsys):
    (tmp_path / "set.json").write_text(json.dumps({}))
    assert quantized(tmp_path / "set.json", tmp_path / "int8.onnx") == 2
    assert capsys.readouterr().err.startswith("error: ")
