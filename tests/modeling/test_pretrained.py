"""Every published weight is used, trunks equal the published networks, and wrong files are refused."""

import math
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
import safetensors.torch
import timm
import torch
import torchvision
from torch import Tensor, nn

from unipose.core.files import sha256
from unipose.modeling.classifier import Classifier
from unipose.modeling.pretrained import load_pretrained, map_weights
from unipose.modeling.trunk import ZOO, Trunk
from unipose.modeling.unipose import UniPose

State = dict[str, Tensor]

TORCHVISION = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "wide_resnet50_2", "wide_resnet101_2"]
TORCHVISION += ["resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d"]
TIMM = {
    **{name: name for name in ZOO if name.startswith(("res2net50", "res2net101", "res2next")) and "v1b" not in name},
    "res2net50_v1b_26w_4s": "res2net50d",
    "res2net101_v1b_26w_4s": "res2net101d",
    **{f"resnetv2_{depth}_full_preact": f"resnetv2_{depth}" for depth in (18, 34, 50, 101, 152)},
}
TWINS = [*TORCHVISION, *TIMM]
QUICK = {"resnet18", "resnet50", "wide_resnet50_2", "resnext50_32x4d", "res2net50_26w_4s", "res2net50_14w_8s"}
QUICK |= {"res2net50_v1b_26w_4s", "res2next50", "resnetv2_18_full_preact", "resnetv2_50_full_preact"}


def twin(name: str) -> nn.Module:
    """The published network, without weights."""
    with torch.device("meta"):
        return timm.create_model(TIMM[name]) if name in TIMM else torchvision.models.get_model(name)


def random_state(module: nn.Module) -> State:
    """Random norms too, running statistics included: at their defaults many mistakes are invisible."""
    torch.manual_seed(0)

    def fill(key: str, like: Tensor) -> Tensor:
        if like.ndim == 0:
            return torch.zeros(like.shape, dtype=like.dtype)
        if like.ndim > 1:
            return torch.randn(like.shape) * math.sqrt(2 / like[0].numel())
        return torch.rand(like.shape) + 0.5 if key.endswith(("weight", "var")) else torch.randn(like.shape)

    return {key: fill(key, like) for key, like in module.state_dict().items()}


def loaded(name: str, weights: State) -> nn.Module:
    with torch.device("meta"):
        trunk = Trunk(ZOO[name], output_stride=32, multi_grid=(1,))
    trunk.load_state_dict(weights, assign=True)
    return trunk.eval()


def taps(reference: nn.Module, low: str, high: str, x: Tensor) -> list[Tensor]:
    """What the named modules of a network give for an image."""
    seen: State = {}

    def keep(name: str) -> Callable[..., None]:
        return lambda module, inputs, output: seen.update({name: output})

    for name in (low, high):
        reference.get_submodule(name).register_forward_hook(keep(name))
    with torch.no_grad():
        reference(x)
    return [seen[low], seen[high]]


@pytest.mark.parametrize("name", TWINS)
def test_every_published_tensor_but_the_classifiers_is_used(name: str) -> None:
    theirs = {key: value for key, value in twin(name).state_dict().items() if not key.startswith(("fc.", "head."))}
    mapped = map_weights(name, twin(name).state_dict())
    with torch.device("meta"):
        ours = Trunk(ZOO[name]).state_dict()
    assert {key: value.shape for key, value in mapped.items()} == {key: value.shape for key, value in ours.items()}
    assert len({id(value) for value in mapped.values()}) == len(theirs)


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in QUICK else pytest.mark.slow) for n in TWINS])
def test_a_trunk_equals_the_published_network(name: str) -> None:
    reference = twin(name)
    weights = random_state(reference)
    reference.load_state_dict(weights, assign=True)
    trunk = loaded(name, map_weights(name, dict(sorted(weights.items()))))  # as safetensors files list them
    # 72x40 has odd sizes at every stride past 8, where pooling and striding differ in the last row.
    x = torch.randn(1, 3, 72, 40)
    low, high = ("stages.0", "norm") if "resnetv2" in name else ("layer1", "layer4")
    for ours, theirs in zip(trunk(x), taps(reference.eval(), low, high, x), strict=True):
        assert torch.equal(ours, theirs)


def test_the_oldest_files_have_no_counters() -> None:
    weights = random_state(twin("resnet18"))
    mapped = map_weights("resnet18", {k: v for k, v in weights.items() if "num_batches" not in k})
    assert mapped.keys() == map_weights("resnet18", weights).keys()
    assert mapped["stem.1.num_batches_tracked"] == 0


def test_networks_trained_here_give_their_trunk() -> None:
    trunk = Trunk(ZOO["res2net_s"])
    classifier = Classifier(ZOO["res2net_s"], 10)
    for network, own in ((trunk, trunk), (classifier, classifier.trunk), (UniPose(trunk, 14), trunk)):
        mapped = map_weights("res2net_s", network.state_dict())
        assert mapped.keys() == trunk.state_dict().keys()
        assert all(torch.equal(mapped[key], value) for key, value in own.state_dict().items())


@pytest.mark.parametrize(
    ("name", "state_of", "complaint"),
    [
        ("resnet34", "resnet18",
         r"not of resnet34. Tensors missing 80 \(layer1.2.conv1.weight, layer1.2.bn1.weight, \S+ \.\.\.\)$"),
        ("resnet18", "resnet34", r"not of resnet18. Tensors left over 96 \(layer1.2.conv1.weight, "),
        ("resnet50", "wide_resnet50_2",
         r"Tensors of another shape 176 \(layer1.0.conv1.weight \(128, 64, 1, 1\) where \(64, 64, 1, 1\) is"),
        ("resnet50", "resnet18", r"missing 165 \(layer1.0.conv3.weight, .*; of another shape 23 "),
        ("res2net50_26w_4s", "res2net50_v1b_26w_4s", r"missing 17 \(conv1.weight, .*; left over 33 \(conv1.0.weight, "),
        ("resnetv2_50_full_preact", "resnet50", r"missing \d+ \(stem.conv.weight, .*left over \d+ \(conv1.weight, "),
        ("resnetv2_50_bn_after_add", "resnet50", "torchvision and timm have no weights for resnetv2_50_bn_after_add"),
        ("cifar_wrn_16_8", "resnet50", "no weights for cifar_wrn_16_8: give a file trained with it here"),
        ("ho_rk4_34", "resnet34", "no weights for ho_rk4_34"),
        ("resnet51", "resnet50", "no trunk 'resnet51'; choose from resnet18, "),
    ],
)  # fmt: skip
def test_weights_of_another_net_are_refused(name: str, state_of: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        map_weights(name, twin(state_of).state_dict())


def test_another_trunk_trained_here_is_refused() -> None:
    state = Classifier(ZOO["resnet18"], 10).state_dict()
    complaint = r"not of resnet34. Tensors missing 80 \(trunk.stages.0.2.branches.0.0.weight, "
    with pytest.raises(ValueError, match=complaint):
        map_weights("resnet34", state)


@pytest.fixture(scope="module")
def published() -> State:
    return random_state(twin("resnet18"))


def filled(source: str | Path, output_stride: int = 16) -> Trunk:
    trunk = Trunk(ZOO["resnet18"], output_stride)
    load_pretrained(trunk, "resnet18", source)
    return trunk


def assert_has(trunk: Trunk, published: State) -> None:
    for key, value in map_weights("resnet18", published).items():
        assert torch.equal(trunk.state_dict()[key], value), key


def save(state: State, path: Path) -> Path:
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(state, path)
    else:
        torch.save({"model": state, "epoch": 3} if "wrapped" in path.name else state, path)
    return path


@pytest.mark.parametrize("file", ["weights.safetensors", "weights.pth", "wrapped.pth"])
def test_a_local_file_is_loaded_into_a_trunk_of_any_output_stride(file: str, published: State, tmp_path: Path) -> None:
    assert_has(filled(save(published, tmp_path / file), output_stride=8), published)


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("none.pth", None, "no file .*none.pth; .* begin with torchvision or timm and a colon"),
        ("damaged.pth", b"not weights", "damaged or holds no weights"),
        ("empty.pth", b"", "damaged or holds no weights"),
        ("damaged.safetensors", b"not weights", "damaged or holds no weights"),
        ("other.pth", [1, 2], "a dict of tensors is needed"),
        ("other.pth", {"epoch": 3}, "a dict of tensors is needed"),
        ("other.pth", torch.zeros(3), "a dict of tensors is needed"),
        ("another.pth", {"x": torch.zeros(3)}, "another.pth: these weights are not of resnet18"),
    ],
)
def test_what_is_no_file_of_weights_is_refused(file: str, content: Any, complaint: str, tmp_path: Path) -> None:
    if isinstance(content, bytes):
        (tmp_path / file).write_bytes(content)
    elif content is not None:
        torch.save(content, tmp_path / file)
    with pytest.raises(ValueError, match=complaint):
        filled(tmp_path / file)


@pytest.mark.parametrize("right", [True, False])
def test_torchvision_downloads_and_checks_the_hash(
    right: bool, published: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own download from a file's URL, whose name ends with the beginning of the hash."""
    path = save(published, tmp_path / "weights.pth")
    path = path.rename(tmp_path / f"resnet18-{sha256(path)[:8] if right else '01234567'}.pth")
    weights = torchvision.models.ResNet18_Weights.IMAGENET1K_V1
    monkeypatch.setattr(type(weights), "url", path.as_uri())
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    with nullcontext() if right else pytest.raises(RuntimeError, match="invalid hash value"):
        assert_has(filled("torchvision:ResNet18_Weights.IMAGENET1K_V1"), published)


@pytest.mark.parametrize("right", [True, False])
def test_timm_weights_come_from_its_hub_and_are_checked(
    right: bool, published: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(published, tmp_path / "model.safetensors")
    asked: list[tuple[str, str]] = []

    def metadata(url: str) -> SimpleNamespace:
        assert url.endswith("timm/resnet18.a1_in1k/resolve/main/model.safetensors")
        return SimpleNamespace(etag=sha256(path) if right else "0" * 64)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *file: asked.append(file) or str(path))
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", metadata)
    with nullcontext() if right else pytest.raises(ValueError, match="delete it and download again"):
        assert_has(filled("timm:resnet18.a1_in1k"), published)
    assert asked == [("timm/resnet18.a1_in1k", "model.safetensors")]


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("torchvision:ResNet18_Weights.IMAGENET1K_V9", "torchvision has no weights 'ResNet18_Weights.IMAGENET1K_V9'"),
        ("torchvision:resnet18", "torchvision has no weights 'resnet18'; a name is ResNet50_Weights.IMAGENET1K_V2"),
        ("timm:resnet18.mine", r"timm has no weights 'resnet18.mine': Invalid pretrained tag"),
        ("timm:resnet19", r"timm has no weights 'resnet19'; a name is res2net50_26w_4s.in1k"),
        ("timm:resnetv2_152", r"timm has no weights 'resnetv2_152'"),
        ("hub:resnet18", "no file hub:resnet18; the names of published weights begin with torchvision or timm"),
    ],
)
def test_a_name_that_nobody_publishes_is_refused(source: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        filled(source)


def test_without_timm_its_weights_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ValueError, match="pip install timm"):
        filled("timm:resnet18.a1_in1k")
