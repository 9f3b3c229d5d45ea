from pathlib import Path

import pytest

from unipose.core.hardware import has_int8_units
from unipose.inference.loading import load
from unipose.weights import FILES, NAMES, default_model, default_weights, finder_for, named_model


@pytest.mark.parametrize("name", NAMES)
def test_models_that_come_with_unipose(name):
    assert named_model(name).is_file() and default_weights().is_file()


def test_any_other_name_is_a_path():
    assert named_model("runs/default") == Path("runs/default")


@pytest.mark.parametrize(("faster", "name"), [(True, "int8"), (False, "fp32")])
def test_the_default_is_what_runs_faster_here_and_its_finder_alike(monkeypatch, faster, name):
    monkeypatch.setattr("unipose.weights.is_int8_faster", lambda exact, small: faster)
    assert named_model("default") == default_model() == named_model(name)
    predictor = load()
    assert predictor.spec.name == named_model(name).stem
    assert predictor.detector.runtime.spec.name == finder_for(named_model(name)).stem


def test_names_force_a_file(monkeypatch):
    for faster in (True, False):
        monkeypatch.setattr("unipose.weights.is_int8_faster", lambda exact, small, faster=faster: faster)
        assert [named_model(name).name for name in FILES] == list(FILES.values())


@pytest.mark.parametrize(
    ("device", "engine", "suffix"),
    [("cuda", None, ".safetensors"), ("cuda:0,cuda:1", "torch", ".safetensors"), ("cpu", "torch", ".safetensors"),
     ("cuda", "onnxruntime", "s.onnx")],
)  # fmt: skip
def test_a_gpu_and_pytorch_take_other_files(device, engine, suffix):
    assert named_model("default", device, engine).name.endswith(suffix)


CPUS = {
    "flags\t\t: fpu sse2 avx2 avx512f avx512_vnni": True,
    "flags\t\t: fpu sse2 avx2 avx_vnni": True,
    "flags\t\t: fpu sse2 avx2 avx512f": False,
    "Features\t: fp asimd asimdhp asimddp": True,
    "Features\t: fp asimd": False,
    "cpu\t\t: POWER9": False,
}


@pytest.mark.parametrize(("line", "has"), CPUS.items())
def test_processors_that_say_what_they_have(tmp_path, line, has):
    path = tmp_path / "cpuinfo"
    path.write_text(f"processor\t: 0\n{line}\nbugs\t\t: spectre\n")
    assert has_int8_units(path) is has
    assert has_int8_units(tmp_path / "none") is False
