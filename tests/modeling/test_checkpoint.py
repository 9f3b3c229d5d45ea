from dataclasses import replace

import pytest
import torch

from tests.support.networks import SMALL_LSTM_NETWORK, SMALL_NETWORK
from unipose.core.skeleton import SKELETONS
from unipose.modeling.checkpoint import (
    build_network,
    deployed,
    load_model,
    load_state,
    save_model,
    save_state,
    start_from,
)


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


def test_a_model_file_is_as_readable_as_any_other(spec, tmp_path):
    spec = replace(spec, network=SMALL_NETWORK)
    save_model(tmp_path / "m.safetensors", build_network(spec).state_dict(), spec)
    (tmp_path / "plain").write_bytes(b"")
    assert (tmp_path / "m.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode


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


def test_training_starts_from_a_model_file(spec, tmp_path):
    spec = replace(spec, network=SMALL_NETWORK)
    trained = build_network(spec)
    save_model(tmp_path / "m.safetensors", trained.state_dict(), spec)
    fresh = build_network(spec)
    start_from(fresh, tmp_path / "m.safetensors", spec.skeleton)
    assert all(torch.equal(a, b) for a, b in zip(trained.parameters(), fresh.parameters(), strict=True))


def test_another_skeleton_starts_with_the_rows_of_keypoints_that_both_have(spec, tmp_path):
    spec = replace(spec, network=SMALL_NETWORK, skeleton=SKELETONS["lsp14"])
    trained = build_network(spec)
    save_model(tmp_path / "m.safetensors", trained.state_dict(), spec)
    fresh = build_network(replace(spec, skeleton=SKELETONS["coco17"]))
    own = {name: value.clone() for name, value in fresh.decoder.maps.state_dict().items()}
    start_from(fresh, tmp_path / "m.safetensors", SKELETONS["coco17"])
    for name, row in fresh.decoder.maps.state_dict().items():
        theirs = trained.decoder.maps.state_dict()[name]
        for k, keypoint in enumerate(SKELETONS["coco17"].keypoints):
            shared = keypoint in SKELETONS["lsp14"].keypoints
            place = SKELETONS["lsp14"].keypoints.index(keypoint) if shared else None
            assert torch.equal(row[k], theirs[place] if shared else own[name][k])
    assert torch.equal(fresh.wasp.mixes[0].weight, trained.wasp.mixes[0].weight)


def test_another_network_cannot_be_started_from(spec, tmp_path):
    spec = replace(spec, network=SMALL_NETWORK)
    save_model(tmp_path / "m.safetensors", build_network(spec).state_dict(), spec)
    other = build_network(replace(spec, network={**SMALL_NETWORK, "wasp_channels": 48}))
    with pytest.raises(ValueError, match="is of another network than the one to be trained"):
        start_from(other, tmp_path / "m.safetensors", spec.skeleton)


def test_a_recurrent_network_is_loaded_and_starts_from_either_kind(spec, tmp_path):
    plain, recurrent = (replace(spec, network=network) for network in (SMALL_NETWORK, SMALL_LSTM_NETWORK))
    single, whole = build_network(plain), build_network(recurrent)
    for name, network, of in (("s", single, plain), ("w", whole, recurrent)):
        save_model(tmp_path / f"{name}.safetensors", network.state_dict(), of)
    module, found = load_model(tmp_path / "w.safetensors")
    assert found.state_channels == sum(module.network.state_parts) == 2 * 4 + 14 + 1 and plain.state_channels == 0

    def equal(a, b):
        return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))

    for name, same in (("s", single), ("w", whole.frame)):
        fresh = build_network(recurrent)
        untrained = [weight.clone() for weight in fresh.lstm.state_dict().values()]
        start_from(fresh, tmp_path / f"{name}.safetensors", spec.skeleton)
        assert equal(fresh.frame, same)
        kept = all(map(torch.equal, untrained, fresh.lstm.state_dict().values()))
        assert kept == (name == "s") and equal(fresh, whole) == (name == "w")
    with pytest.raises(ValueError, match="is of another network"):
        start_from(single, tmp_path / "w.safetensors", spec.skeleton)


def test_another_skeleton_gets_a_new_recurrent_part(spec, tmp_path):
    spec = replace(spec, network=SMALL_LSTM_NETWORK)
    other = replace(spec, skeleton=SKELETONS["coco17"])
    save_model(tmp_path / "o.safetensors", build_network(other).state_dict(), other)
    network = build_network(spec)
    before = network.lstm.gates.weight.clone()
    start_from(network, tmp_path / "o.safetensors", spec.skeleton)
    assert torch.equal(network.lstm.gates.weight, before)
