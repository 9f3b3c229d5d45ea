from dataclasses import replace

import pytest
import torch
from conftest import SMALL_NETWORK

from unipose.checkpoint import build_network, deployed, load_model, load_state, save_model, save_state


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_model_file_gives_the_network_back(spec, tmp_path, dtype):
    spec = replace(spec, network=SMALL_NETWORK)
    network = build_network(spec).eval()
    save_model(tmp_path / "m.safetensors", network.state_dict(), spec, dtype)
    module, found = load_model(tmp_path / "m.safetensors")
    assert found == spec
    assert not module.training
    images = torch.randn(2, 3, 96, 64)
    with torch.inference_mode():
        expected = deployed(network, spec)(images)
        assert torch.allclose(
            module(images), expected, atol=0 if dtype == torch.float32 else 0.01 * expected.abs().max()
        )
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "last.pt"
    save_state(path, {"epoch": 1})

    def fail(state, part):
        part.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(KeyboardInterrupt):
        save_state(path, {"epoch": 2})
    assert load_state(path) == {"epoch": 1}


def test_other_files_are_refused(spec, tmp_path):
    from safetensors.torch import save_file

    (tmp_path / "a.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(ValueError, match="is not a safetensors file"):
        load_model(tmp_path / "a.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "b.safetensors")
    with pytest.raises(ValueError, match="carries no UniPose spec"):
        load_model(tmp_path / "b.safetensors")


def test_an_unknown_trunk_names_the_known_ones(spec):
    with pytest.raises(ValueError, match=r"no trunk 'x'.*res2net50_26w_4s"):
        build_network(replace(spec, network={**SMALL_NETWORK, "trunk": "x"}))
