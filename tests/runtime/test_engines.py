import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from tests.support.networks import SMALL_LSTM_NETWORK, SMALL_NETWORK
from unipose.export import export
from unipose.modeling.checkpoint import build_network, deployed, load_model, save_model
from unipose.runtime.engines import ENGINES, DeviceCopies, open_runtime
from unipose.runtime.runtime import no_state
from unipose.weights import named_model

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A small network with random weights, as both kinds of model file."""
    from unipose.core.model_spec import ModelSpec
    from unipose.core.skeleton import SKELETONS

    torch.manual_seed(0)
    spec = ModelSpec("small", "1", SKELETONS["lsp14"], (64, 96), 4, 1.5, 1.25, (0.5,) * 3, (0.25,) * 3, SMALL_NETWORK)
    folder = tmp_path_factory.mktemp("model")
    network = build_network(spec)
    save_model(folder / "small.safetensors", network.state_dict(), spec)
    export(*load_model(folder / "small.safetensors"), folder / "small.onnx")
    return folder, spec


def batch(count, seed=0):
    return np.random.default_rng(seed).standard_normal((count, 3, 96, 64), np.float32)


def open_engine(folder, engine):
    suffix = ".safetensors" if engine == "torch" else ".onnx"
    return open_runtime(folder / f"small{suffix}", engine, threads=1)


ALONE = [name for name in ENGINES if name != "fastest"]


@pytest.mark.parametrize("engine", ALONE)
def test_every_engine_gives_the_networks_maps_and_spec(files, engine):
    folder, spec = files
    runtime = open_engine(folder, engine)
    assert runtime.spec == spec
    assert runtime.engine == engine
    module, _ = load_model(folder / "small.safetensors")
    for count in (1, 3):
        maps = runtime.run(batch(count))
        assert maps.shape == (count, 14, 24, 16) and maps.dtype == np.float32
        with torch.inference_mode():
            assert maps == pytest.approx(module(torch.from_numpy(batch(count))).numpy(), abs=1e-4)


@pytest.mark.parametrize("engine", ALONE)
def test_every_engine_may_be_called_from_several_threads(files, engine):
    runtime = open_engine(files[0], engine)
    alone = [runtime.run(batch(1, seed)) for seed in range(6)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda seed: runtime.run(batch(1, seed)), range(6)))
    for a, b in zip(alone, together, strict=True):
        assert np.allclose(a, b, atol=1e-5)


def test_the_kind_of_file_chooses_the_engine(files):
    assert open_runtime(files[0] / "small.onnx").engine == "onnxruntime"
    assert open_runtime(files[0] / "small.safetensors").engine == "torch"


def test_of_module_serves_a_live_network(files):
    _, spec = files
    network = build_network(spec)
    runtime = ENGINES["torch"].of_module(deployed(network, spec), spec)  # type: ignore[attr-defined]
    assert runtime.run(batch(2)).shape == (2, 14, 24, 16)
    assert not network.training


@pytest.mark.parametrize(
    ("name", "engine", "error", "message"),
    [
        ("none.onnx", None, FileNotFoundError, "no model file"),
        ("small.onnx", "torch", ValueError, "torch reads .safetensors"),
        ("small.safetensors", "onnxruntime", ValueError, "unipose export"),
        ("small.onnx", "tensorrt", ValueError, "no engine 'tensorrt'"),
    ],
)
def test_wrong_choices_are_refused(files, name, engine, error, message):
    with pytest.raises(error, match=message):
        open_runtime(files[0] / name, engine)


def test_a_file_without_spec_is_refused(files, tmp_path):
    import onnx

    model = onnx.load(files[0] / "small.onnx")
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "bare.onnx")
    with pytest.raises(ValueError, match="carries no UniPose spec"):
        open_runtime(tmp_path / "bare.onnx")


def test_an_unknown_device_is_refused(files):
    with pytest.raises(ValueError, match="no device 'tpu'"):
        open_runtime(files[0] / "small.onnx", device="tpu")


@pytest.mark.parametrize("engine", [*ALONE])
@pytest.mark.parametrize("threads", [-1, float("nan")])
def test_a_number_of_threads_that_cannot_be(files, engine, threads):
    with pytest.raises(ValueError, match="threads is a whole number from 0 up, got"):
        open_runtime(files[0] / f"small{'.safetensors' if engine == 'torch' else '.onnx'}", engine, threads=threads)


def test_a_session_that_falls_back_to_the_cpu_is_refused(files, monkeypatch):
    """As ONNX Runtime does, with nothing but a message, where CUDA's libraries are missing."""
    import onnxruntime

    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **__: OnCpu())

    class OnCpu:
        def get_providers(self):
            return ["CPUExecutionProvider"]

    with pytest.raises(ValueError, match=r"ONNX Runtime cannot use 'cuda:0'.*onnxruntime-gpu"):
        open_runtime(files[0] / "small.onnx", device="cuda:0")


def test_devices_that_are_not_there_are_told_with_those_that_are(files):
    with pytest.raises(ValueError, match=r"no device 'cuda' here; use one of: cpu; a GPU needs .*onnxruntime-gpu"):
        open_runtime(files[0] / "small.onnx", device="cuda")


def test_export_refuses_a_file_that_disagrees(files, tmp_path, monkeypatch):
    module, spec = load_model(files[0] / "small.safetensors")
    monkeypatch.setattr("unipose.export.difference", lambda reference, other: 0.01)
    with pytest.raises(ValueError, match="is not written"):
        export(module, replace(spec, name="other"), tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_a_file_that_is_not_onnx_is_refused(tmp_path, engine):
    (tmp_path / "x.onnx").write_bytes(b"not a model")
    with pytest.raises(ValueError, match="not a sound ONNX file"):
        open_runtime(tmp_path / "x.onnx", engine)


@pytest.mark.parametrize("engine", ALONE)
def test_a_copy_on_each_device_named(files, engine):
    folder, spec = files
    one = open_engine(folder, engine)
    two = open_runtime(folder / f"small{'.safetensors' if engine == 'torch' else '.onnx'}", engine, "cpu,cpu", 1)
    assert (two.copies, two.spec, two.engine) == (2 * one.copies, spec, engine)
    with ThreadPoolExecutor(2) as pool:
        for maps in pool.map(two.run, [batch(2)] * 4):
            assert np.allclose(maps, one.run(batch(2)), atol=1e-5)


@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_bf16_is_near(files, engine):
    suffix = ".safetensors" if engine == "torch" else ".onnx"
    path = files[0] / f"small{suffix}"
    exact, coarse = (open_runtime(path, engine, threads=1, precision=p).run(batch(2)) for p in ("fp32", "bf16"))
    assert np.abs(exact - coarse).max() < 0.1


@pytest.mark.parametrize(("precision", "message"), [("bf16", "as it is, not as bf16"), ("fp8", "no precision 'fp8'")])
def test_a_precision_that_cannot_be(files, precision, message):
    with pytest.raises(ValueError, match=message):
        open_runtime(files[0] / "small.onnx", precision=precision)


def test_openvino_leaves_the_threads_signal_stack_alone():
    """A stack of its own, freed with the model, would crash the process at the next signal that Python handles."""
    code = """
import ctypes
from unipose.runtime.engines import open_runtime
from unipose.weights import named_model

class Stack(ctypes.Structure):
    _fields_ = (("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))

def signal_stack():
    stack = Stack()
    ctypes.CDLL(None).sigaltstack(None, ctypes.byref(stack))
    return stack.start, stack.size

before = signal_stack()
runtime = open_runtime(named_model("fp32"), "openvino")
assert signal_stack() == before
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_no_engine_writes_telemetry(tmp_path):
    code = f"from unipose.runtime.engines import open_runtime; open_runtime({str(named_model('fp32'))!r})"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={"HOME": str(tmp_path)}).returncode == 0
    assert not list(tmp_path.iterdir())  # where ONNX Runtime keeps its reports until it is online


@pytest.mark.parametrize("engine", ALONE)
def test_every_engine_steps_through_clips(files, tmp_path, engine):
    """`run` is the first step; a later one depends on the state; a plain model leaves the state as it is."""
    _, plain = files
    spec = replace(plain, network=SMALL_LSTM_NETWORK)
    network = build_network(spec)
    torch.nn.init.normal_(network.refine[-1].weight)
    save_model(tmp_path / "small.safetensors", network.state_dict(), spec)
    export(*load_model(tmp_path / "small.safetensors"), tmp_path / "small.onnx")
    runtime = open_engine(tmp_path, engine)
    first, state = runtime.step(batch(3), no_state(spec, 3))
    np.testing.assert_allclose(runtime.run(batch(3)), first, atol=1e-6)
    later, carried = DeviceCopies([runtime]).step(batch(3, seed=1), state)
    _, fresh = runtime.step(batch(3, seed=1), no_state(spec, 3))
    assert np.abs(carried - fresh).max() > 1e-2
    with torch.inference_mode():
        window = torch.from_numpy(np.stack([batch(3), batch(3, seed=1)], axis=1))
        expected = network.activation(network.eval()(window)[:, 1])
    np.testing.assert_allclose(later, expected, atol=1e-5)

    without_state = open_engine(files[0], engine)
    maps, state = without_state.step(batch(2), no_state(plain, 2))
    np.testing.assert_allclose(maps, without_state.run(batch(2)), atol=1e-6)
    assert state.shape == (2, 0, 24, 16)


@pytest.mark.parametrize("engine", ALONE)
def test_a_plain_model_runs_without_a_state(files, engine, monkeypatch):
    runtime = open_engine(files[0], engine)
    monkeypatch.setattr("unipose.runtime.runtime.no_state", Mock(side_effect=AssertionError))
    assert runtime.run(batch(2)).shape == (2, 14, 24, 16)


@pytest.mark.parametrize(("suffix", "names"), [(".onnx", {"onnxruntime", "openvino"}), (".safetensors", {"torch"})])
def test_the_fastest_is_one_of_those_that_read_the_file_and_is_named(files, suffix, names, capsys):
    runtime = open_runtime(files[0] / f"small{suffix}", "fastest", threads=1)
    assert runtime.engine in names
    printed = capsys.readouterr().err
    assert all(f"{name} " in printed for name in names) and f"taken: {runtime.engine}" in printed
