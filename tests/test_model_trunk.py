"""Trunks equal their published twins, dilate past the output stride, and refuse what does not fit."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn

from unipose.model.branch import Basic, Bottleneck, Branch, Res2
from unipose.model.residual import ORDERS, Residual
from unipose.model.trunk import ZOO, Row, Trunk

TORCHVISION = [
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "wide_resnet50_2",
    "resnext50_32x4d",
    "resnext101_32x8d",
]
TIMM = ["res2net50_26w_4s", "res2net101_26w_4s"]


def randomised(module: nn.Module) -> nn.Module:
    """Random norms too, running statistics included: at their defaults many mistakes are invisible."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.uniform_(part.running_var, 0.5, 1.5)
            nn.init.normal_(part.bias, std=0.1)
            nn.init.normal_(part.running_mean, std=0.1)
    return module.eval()


def taps(reference: nn.Module, low: str, high: str, x: Tensor) -> list[Tensor]:
    """What the named modules of a network give for an image."""
    seen: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[..., None]:
        return lambda module, inputs, output: seen.update({name: output})

    hooks = [reference.get_submodule(name).register_forward_hook(keep(name)) for name in (low, high)]
    with torch.no_grad():
        reference(x)
    for hook in hooks:
        hook.remove()
    return [seen[low], seen[high]]


def carried(name: str, weights: dict[str, Tensor]) -> nn.Module:
    with torch.device("meta"):
        trunk = Trunk(ZOO[name], output_stride=32, multi_grid=(1,))
    trunk.load_state_dict(weights, assign=True)
    return trunk.eval()


@pytest.mark.parametrize("name", TORCHVISION + TIMM)
def test_equals_its_published_twin(name: str) -> None:
    """Both list their modules in the order of the computation, shortcut last: names need no table."""
    torch.manual_seed(0)
    make: Callable[[], nn.Module] = (
        getattr(torchvision.models, name) if name in TORCHVISION else getattr(timm.models, name)
    )
    reference = randomised(make())
    weights = {key: value for key, value in reference.state_dict().items() if not key.startswith("fc.")}
    with torch.device("meta"):
        keys = Trunk(ZOO[name]).state_dict().keys()
    trunk = carried(name, dict(zip(keys, weights.values(), strict=True)))
    x = torch.randn(1, 3, 64, 32)
    for ours, theirs in zip(trunk(x), taps(reference, "layer1", "layer4", x), strict=True):
        assert torch.equal(ours, theirs)


RESNETV2_NAMES = [("stem.conv.", "stem.0."), (".blocks.", "."), (".downsample.conv.", ".shortcut.0.")]
RESNETV2_NAMES += [(".norm1.", ".before.0.0."), ("norm.", "end.0."), (".conv1.", ".branches.0.0.")]
RESNETV2_NAMES += [(".norm2.", ".branches.0.1."), (".conv2.", ".branches.0.3.")]
RESNETV2_NAMES += [(".norm3.", ".branches.0.4."), (".conv3.", ".branches.0.6.")]


def test_full_preact_equals_the_published_resnetv2() -> None:
    torch.manual_seed(0)
    reference = randomised(timm.create_model("resnetv2_50"))
    weights = {}
    for key, value in reference.state_dict().items():
        if not key.startswith("head."):
            weights[reduce(lambda name, pair: name.replace(*pair), RESNETV2_NAMES, key)] = value
    trunk = carried("resnetv2_50_full_preact", weights)
    x = torch.randn(1, 3, 64, 32)
    for ours, theirs in zip(trunk(x), taps(reference, "stages.0", "norm", x), strict=True):
        assert torch.equal(ours, theirs)


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


CIFAR: dict[str, Any] = {"planes": (16, 32, 64), "stem": "3x3", "stem_channels": 16, "shortcut": "pad"}


@pytest.mark.parametrize(("scheme", "units"), [("euler", [4, 4, 4]), ("midpoint", [2, 2, 2]), ("rk4", [1, 1, 1])])
def test_schemes_have_equal_parameters(scheme: str, units: list[int]) -> None:
    """366,842 with the classifier of ten classes (Luo et al., arXiv 2103.15244)."""
    trunk = Trunk(Row(Basic(), (4, 4, 4), order="relu_after_step", scheme=scheme, **CIFAR), output_stride=4)
    assert [len(stage) for stage in trunk.stages if isinstance(stage, nn.Sequential)] == units
    assert parameters(trunk) + (64 + 1) * 10 == 366_842
    low, high = trunk(torch.rand(2, 3, 32, 48))
    assert (low.shape[1:], high.shape[1:]) == ((16, 32, 48), (64, 8, 12))


@pytest.mark.parametrize(("name", "output_stride"), [*((name, 16) for name in ZOO), ("resnet50", 8), ("resnet50", 32)])
def test_shapes(name: str, output_stride: int) -> None:
    with torch.device("meta"):
        trunk = Trunk(ZOO[name], output_stride)
        low, high = trunk(torch.rand(2, 3, 100, 76))
    assert low.shape == (2, trunk.low_channels, 25, 19)
    assert high.shape == (2, trunk.high_channels, -(-100 // output_stride), -(-76 // output_stride))
    assert trunk.output_stride == output_stride


@pytest.mark.parametrize(
    ("name", "output_stride", "multi_grid", "third", "fourth"),
    [
        ("resnet50", 32, (1, 1, 1), {1}, [1, 1, 1]),
        ("resnet50", 16, (1, 1, 1), {1}, [2, 2, 2]),
        ("resnet50", 16, (1, 2, 4), {1}, [2, 4, 8]),
        ("resnet50", 8, (1, 2, 4), {2}, [4, 8, 16]),
        ("res2net50_26w_4s", 16, (1, 2), {1}, [2, 4, 2]),
        ("resnet18", 16, (1, 2, 4), {1}, [2, 4]),
        ("ho_rk4_34", 16, (1, 2, 4), {1}, [2]),
    ],
)
def test_dilation(
    name: str, output_stride: int, multi_grid: tuple[int, ...], third: set[int], fourth: list[int]
) -> None:
    with torch.device("meta"):
        trunk = Trunk(ZOO[name], output_stride, multi_grid)

    def dilations(unit: nn.Module) -> set[int]:
        return {m.dilation[0] for m in unit.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)}

    assert dilations(trunk.stages[:2]) == {1}
    assert dilations(trunk.stages[2]) == third
    assert [dilations(unit) for unit in trunk.stages[3].children()] == [{dilation} for dilation in fourth]


@pytest.mark.parametrize("branch", [Basic(), Bottleneck(groups=2, base_width=32), Res2(32, 4)])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("scheme", ["euler", "midpoint"])
def test_every_axis_goes_with_every_other(branch: Branch, order: str, scheme: str) -> None:
    torch.manual_seed(0)
    row = Row(branch, (2, 2, 2, 2), planes=(8, 8, 16, 16), order=order, scheme=scheme, stem_channels=8)
    trunk = Trunk(row, output_stride=16)
    low, high = trunk(torch.randn(2, 3, 64, 32))
    (low.square().mean() + high.square().mean()).backward()
    assert [name for name, p in trunk.named_parameters() if p.grad is None or not p.grad.isfinite().all()] == []


def test_the_start_is_a_choice() -> None:
    def ends(trunk: Trunk) -> set[float]:
        units = [m for m in trunk.modules() if isinstance(m, Residual)]
        return {value for unit in units for value in unit.branches[0].get_submodule("4").weight.unique().tolist()}

    assert ends(Trunk(ZOO["resnet18"])) == {0.0}
    assert ends(Trunk(ZOO["resnet18"], zero_init=False)) == {1.0}


@pytest.mark.parametrize(
    ("scheme", "depths"), [("midpoint", (2, 2, 3, 2)), ("rk4", (4, 4, 6, 4)), ("euler", (2, 0, 2, 2))]
)
def test_a_depth_that_does_not_fit_its_scheme_is_refused(scheme: str, depths: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=rf"{scheme} joins . branches"):
        Row(Basic(), depths, scheme=scheme)


def test_stages_need_a_depth_and_planes_each() -> None:
    with pytest.raises(ValueError, match="3 depths and 4 planes"):
        Row(Basic(), (2, 2, 2))


@pytest.mark.parametrize("output_stride", [2, 12, 64])
def test_an_output_stride_out_of_reach_is_refused(output_stride: int) -> None:
    with pytest.raises(ValueError, match=r"choose one of \[4, 8, 16, 32\]"):
        Trunk(ZOO["resnet18"], output_stride)
