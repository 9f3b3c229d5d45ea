import json
import re

import numpy as np
import pytest

from unipose.datasets.synthetic.images import draw_sample
from unipose.quantize import main
from unipose.runtime.engines import open_runtime
from unipose.weights import default_model

ENGINES = ["onnxruntime", "openvino"]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    train, _ = draw_sample(tmp_path_factory.mktemp("sample"), count=50, seed=1)
    return train


def quantized(images, out, *options):
    return main([str(default_model()), str(out), "--images", str(images), *options])


def test_a_quantized_model_is_small_and_finds_the_same(images, tmp_path, capsys):
    out = tmp_path / "int8.onnx"
    assert quantized(images, out, "--count", "16") == 0
    assert re.findall("(.*): keypoints move by", capsys.readouterr().out) == ENGINES
    assert out.stat().st_size < 0.35 * default_model().stat().st_size
    full, small = open_runtime(default_model()), open_runtime(out)
    assert small.spec.provenance["int8"] == "static, calibrated on 16 people"
    assert small.spec.skeleton == full.spec.skeleton and small.spec.input_wh == full.spec.input_wh
    batch = np.random.default_rng(0).standard_normal((3, 3, 192, 192), np.float32)
    for engine in ENGINES:
        assert np.abs(full.run(batch) - open_runtime(out, engine).run(batch)).max() < 0.15
    assert [path.name for path in tmp_path.iterdir()] == ["int8.onnx"]


def test_too_few_people_are_refused(images, tmp_path, capsys):
    assert quantized(images, tmp_path / "int8.onnx", "--count", "21") == 2
    assert "needs 42 people" in capsys.readouterr().err


def test_a_model_that_becomes_too_bad_is_not_written(images, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("unipose.quantize.WORST", 0.0)
    assert quantized(images, tmp_path / "int8.onnx", "--count", "4") == 2
    assert "is not written" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_set_is_refused(tmp_path, capsys):
    (tmp_path / "set.json").write_text(json.dumps({}))
    assert quantized(tmp_path / "set.json", tmp_path / "int8.onnx") == 2
    assert capsys.readouterr().err.startswith("error: ")
