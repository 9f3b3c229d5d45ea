from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest

from tests.support.networks import SMALL_LSTM_NETWORK, SMALL_NETWORK
from unipose.core.files import is_model_file
from unipose.core.model_spec import METADATA_KEY, ModelSpec
from unipose.export import BATCHES, STEPS, difference, main
from unipose.modeling.checkpoint import build_network, read_model, save_model
from unipose.runtime.engines import open_runtime
from unipose.runtime.onnx_graph import split
from unipose.runtime.runtime import no_state
from unipose.weights import named_model


def save_random(spec, network, path):
    """A model file with random weights -> its path."""
    spec = replace(spec, network=network)
    save_model(path, build_network(spec).state_dict(), spec)
    return path


@pytest.fixture
def trained(spec, tmp_path):
    return save_random(spec, SMALL_NETWORK, tmp_path / "m.safetensors")


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
        maps, xy, peak = session.run(None, {"images": np.zeros((batch, 3, 96, 64), np.float32)})
        assert (maps.shape, xy.shape, peak.shape) == ((batch, 14, 24, 16), (batch, 14, 2), (batch, 14))
    assert [path.name for path in out.parent.iterdir()] == ["m.onnx"]
    content = out.read_bytes()
    assert not any(
        part in content for part in (b"site-packages", b"unipose.py", b"modeling")
    )  # no paths of this machine


def test_a_decoder_that_disagrees_with_numpy_is_not_written(trained, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("unipose.core.heatmap.DECODERS", {"dark": lambda maps, peak, sigma: np.zeros((len(maps), 2))})
    assert main([str(trained), str(tmp_path / "m.onnx")]) == 2
    assert "keypoints: differ from numpy's by at most" in capsys.readouterr().err
    assert not (tmp_path / "m.onnx").exists()


def test_an_older_file_gets_the_decoder_and_stays_the_same_to_the_bit(trained, tmp_path, capsys):
    main([str(trained), str(tmp_path / "new.onnx")])
    new = onnx.load(tmp_path / "new.onnx")
    onnx.save(split(new)[0], tmp_path / "old.onnx")
    assert main([str(tmp_path / "old.onnx"), str(tmp_path / "amended.onnx")]) == 0
    assert "keypoints: differ from numpy's by at most" in capsys.readouterr().out
    amended = onnx.load(tmp_path / "amended.onnx")
    assert amended == new and split(amended)[0] == onnx.load(tmp_path / "old.onnx")


def test_a_finder_has_no_keypoints_to_read(tmp_path, capsys):
    assert main([str(named_model("finder")), str(tmp_path / "f.onnx")]) == 2
    assert "is a finder: it has no keypoints to read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "out", "message"),
    [("none.safetensors", "x.onnx", "none.safetensors"), ("m.safetensors", "x.pt", "must end in .onnx")],
)
def test_errors_are_one_line(trained, tmp_path, capsys, model, out, message):
    assert main([str(tmp_path / model), str(tmp_path / out)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error


@pytest.mark.parametrize("force", [[], ["--force"]])
@pytest.mark.parametrize("name", ["m.onnx", "./m.onnx", "new/../m.onnx"])
def test_its_input_is_not_its_output(trained, tmp_path, capsys, monkeypatch, name, force):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new").mkdir()
    (tmp_path / "m.onnx").symlink_to(trained)
    before = trained.read_bytes()
    assert main([str(trained), name, *force]) == 2
    assert "would overwrite what it is made from" in capsys.readouterr().err
    assert trained.read_bytes() == before and (tmp_path / "m.onnx").is_symlink()


def test_a_model_of_somebody_elses_is_kept_unless_forced(trained, tmp_path, capsys):
    out = tmp_path / "theirs.onnx"
    out.write_bytes(b"theirs")
    assert main([str(trained), str(out)]) == 2
    assert "exists, and UniPose did not make it" in capsys.readouterr().err
    assert out.read_bytes() == b"theirs"
    assert main([str(trained), str(out), "--force"]) == 0
    assert is_model_file(out)  # which may be replaced


@pytest.fixture
def recurrent(spec, tmp_path):
    return save_random(spec, SMALL_LSTM_NETWORK, tmp_path / "r.safetensors")


def test_a_recurrent_network_has_its_state_as_input_and_output(recurrent, tmp_path, capsys):
    """One graph for first and later frames, of any number of clips."""
    out = tmp_path / "r.onnx"
    assert main([str(recurrent), str(out)]) == 0
    printed = capsys.readouterr().out
    assert "onnxruntime: differs from PyTorch by at most" in printed and "openvino: differs" in printed
    assert STEPS > 2
    session = onnxruntime.InferenceSession(out)
    for batch in (1, 3):
        state = np.zeros((batch, 2 * 4 + 14 + 1, 24, 16), np.float32)
        feed = {"images": np.zeros((batch, 3, 96, 64), np.float32), "state": state}
        maps, following = session.run(["heatmaps", "next_state"], feed)
        assert maps.shape == (batch, 14, 24, 16)
        assert following.shape == state.shape
        assert (following[:, -1] == 1).all()


def test_another_forget_gate_is_a_difference_that_only_later_frames_show(recurrent, spec, tmp_path, capsys):
    weights, spec = read_model(recurrent)
    weights["lstm.gates.weight"][2 * 4 : 3 * 4] += 1  # of the forget gate
    save_model(tmp_path / "f.safetensors", weights, spec)
    ours, theirs = (open_runtime(tmp_path / name) for name in ("r.safetensors", "f.safetensors"))
    images, state = np.zeros((2, 3, 96, 64), np.float32), no_state(spec, 2)
    for one, other in zip(ours.step(images, state), theirs.step(images, state), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert difference(ours, ours) == 0
    assert difference(ours, theirs) > 1e-3


def test_a_file_that_disagrees_is_not_written(recurrent, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("unipose.export.difference", lambda reference, other: float("nan"))
    assert main([str(recurrent), str(tmp_path / "r.onnx")]) == 2
    assert "is not written" in capsys.readouterr().err
    assert not (tmp_path / "r.onnx").exists()
