from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from conftest import SMALL_NETWORK

from unipose.checkpoint import build_network, save_model
from unipose.export import BATCHES, main
from unipose.spec import METADATA_KEY, ModelSpec


@pytest.fixture
def trained(spec, tmp_path):
    spec = replace(spec, network=SMALL_NETWORK)
    path = tmp_path / "m.safetensors"
    save_model(path, build_network(spec).state_dict(), spec)
    return path


def test_the_file_carries_its_spec_and_takes_any_batch(trained, tmp_path, capsys):
    out = tmp_path / "new" / "m.onnx"
    assert main([str(trained), str(out)]) == 0
    printed = capsys.readouterr().out
    assert "onnxruntime: differs from PyTorch by at most" in printed and "openvino: differs" in printed
    assert BATCHES == (1, 5)
    model = onnx.load(out)
    onnx.checker.check_model(model, full_check=True)
    spec = ModelSpec.from_json({p.key: p.value for p in model.metadata_props}[METADATA_KEY])
    assert spec.input_wh == (64, 96) and spec.network == SMALL_NETWORK
    session = onnxruntime.InferenceSession(out)
    for batch in (1, 4, 7):
        [maps] = session.run(None, {"images": np.zeros((batch, 3, 96, 64), np.float32)})
        assert maps.shape == (batch, 14, 24, 16)
    assert [path.name for path in out.parent.iterdir()] == ["m.onnx"]
    assert (
        b"site-packages" not in out.read_bytes() and b"network.py" not in out.read_bytes()
    )  # no paths of this machine


@pytest.mark.parametrize(
    ("model", "out", "message"),
    [("none.safetensors", "x.onnx", "none.safetensors"), ("m.safetensors", "x.pt", "must end in .onnx")],
)
def test_errors_are_one_line(trained, tmp_path, capsys, model, out, message):
    assert main([str(tmp_path / model), str(tmp_path / out)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error
