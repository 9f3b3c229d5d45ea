"""Trunks have the sizes of their papers, dilate past the output stride, start as said, and refuse what does not fit."""

from functools import cache

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from unipose.modeling.blocks import Basic
from unipose.modeling.residual import UNITS, Residual
from unipose.modeling.runge_kutta import TABLEAUX
from unipose.modeling.trunk import ZOO, Row, Trunk

IMAGENET = [name for name in ZOO if not name.startswith("cifar_")]
CIFAR = [name for name in ZOO if name.startswith("cifar_")]


@cache
def weightless(name: str, output_stride: int) -> Trunk:
    with torch.device("meta"):
        return Trunk(ZOO[name], output_stride)


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


# Millions of parameters with a classifier of 1,000 classes (10 for images of 32x32), as published.
PUBLISHED = {
    "resnet18": 11.69, "resnet34": 21.80, "resnet50": 25.56, "resnet101": 44.55, "resnet152": 60.19,
    "resnetv2_50_full_preact": 25.55, "resnetv2_101_full_preact": 44.54, "resnetv2_152_full_preact": 60.19,
    "wide_resnet50_2": 68.88, "wide_resnet101_2": 126.89, "resnext50_32x4d": 25.03, "resnext101_32x8d": 88.79,
    "resnext101_64x4d": 83.46, "res2net50_26w_4s": 25.70, "res2net50_26w_6s": 37.05, "res2net50_26w_8s": 48.40,
    "res2net50_48w_2s": 25.29, "res2net50_14w_8s": 25.06, "res2net101_26w_4s": 45.21, "res2net50_v1b_26w_4s": 25.72,
    "res2net101_v1b_26w_4s": 45.23, "res2next50": 24.67, "cifar_wrn_16_8": 10.96, "cifar_wrn_28_10": 36.48,
    "cifar_wrn_40_4": 8.95, "cifar_resnext29_8x64d": 34.43, "cifar_resnext29_16x64d": 68.16,
    "cifar_resnetv2_20_original": 0.27, "cifar_wrn_28_10_dropout": 36.48,
    **{f"cifar_resnetv2_110_{unit}": 1.73 for unit in UNITS}, **{f"cifar_resnetv2_164_{unit}": 1.70 for unit in UNITS},
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_as_published(name: str) -> None:
    trunk = weightless(name, 4 if name in CIFAR else 16)
    classes = 10 if name in CIFAR else 1000
    total = parameters(trunk) + (trunk.high_channels + 1) * classes
    assert total / 1e6 == pytest.approx(PUBLISHED[name], abs=0.006)  # the digits published


@pytest.mark.parametrize(
    ("name", "gmac"),
    [("resnext50_32x4d", 4.23), ("resnext101_32x8d", 16.41), ("res2net50_26w_4s", 4.26), ("res2net101_26w_4s", 8.07)],
)
def test_macs_are_as_published(name: str, gmac: float) -> None:
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        Trunk(ZOO[name], output_stride=32, multi_grid=(1,)).eval()(torch.empty(1, 3, 224, 224))
    assert counter.get_total_flops() / 2 == pytest.approx(gmac * 1e9, rel=0.002)


@pytest.mark.parametrize(("scheme", "units"), [("euler", [4, 4, 4]), ("midpoint", [2, 2, 2]), ("rk4", [1, 1, 1])])
def test_schemes_join_units_at_equal_parameters(scheme: str, units: list[int]) -> None:
    """366,842 with the classifier of ten classes (Luo et al., arXiv 2103.15244)."""
    trunk = Trunk(ZOO[f"cifar_ho_{scheme}_26"], output_stride=4)
    assert [len(stage) for stage in trunk.stages if isinstance(stage, nn.Sequential)] == units
    assert parameters(trunk) + (64 + 1) * 10 == 366_842
    low, high = trunk(torch.rand(2, 3, 32, 48))
    assert (low.shape[1:], high.shape[1:]) == ((16, 32, 48), (64, 8, 12))


@pytest.mark.parametrize("prefix", ["ho_", "cifar_ho_"])
def test_every_scheme_has_a_net_of_each_width(prefix: str) -> None:
    rows = [row for name, row in ZOO.items() if name.startswith(prefix)]
    assert {row.scheme for row in rows} == set(TABLEAUX)
    assert {row.order for row in rows} == {"relu_after_step"}


def test_all_schemes_but_one_have_a_net_of_74_layers_of_equal_parameters() -> None:
    trunks = [weightless(name, 4) for name in CIFAR if name.endswith("_74")]
    assert len(trunks) == len(TABLEAUX) - 1 and len({parameters(trunk) for trunk in trunks}) == 1


@pytest.mark.parametrize(("ending", "share"), [("", 0.0), ("_dropout", 0.3)])
def test_wide_nets_come_with_and_without_dropout(ending: str, share: float) -> None:
    dropouts = [m.p for m in weightless(f"cifar_wrn_28_10{ending}", 4).modules() if isinstance(m, nn.Dropout)]
    assert dropouts == [share] * 12


@pytest.mark.parametrize(
    ("name", "output_stride"), [*((name, 16) for name in IMAGENET), ("resnet50", 8), ("resnet50", 32)]
)
def test_shapes(name: str, output_stride: int) -> None:
    trunk = weightless(name, output_stride)
    low, high = trunk(torch.empty(2, 3, 100, 76, device="meta"))
    assert low.shape == (2, trunk.low_channels, 25, 19)
    assert high.shape == (2, trunk.high_channels, -(-100 // output_stride), -(-76 // output_stride))
    assert trunk.output_stride == output_stride


@pytest.mark.parametrize("name", CIFAR)
def test_shapes_of_nets_for_small_images(name: str) -> None:
    assert ZOO[name].strides == [1, 2, 4]
    trunk = weightless(name, 4)
    low, high = trunk(torch.empty(2, 3, 32, 28, device="meta"))
    assert low.shape == (2, trunk.low_channels, 32, 28)
    assert high.shape == (2, trunk.high_channels, 8, 7)


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


@pytest.mark.parametrize(
    ("name", "scales"),
    [
        ("resnet18", {0.0, 1.0}),
        *((f"resnetv2_18_{unit}", {1.0}) for unit in UNITS),
        *((name, {1.0}) for name in CIFAR if "110" in name or "ho_euler" in name),
    ],
)
def test_which_norms_start_at_zero(name: str, scales: set[float]) -> None:
    """Rows that are compared all start alike."""
    norms = [m for m in Trunk(ZOO[name], ZOO[name].strides[-1]).modules() if isinstance(m, nn.BatchNorm2d)]
    assert {value for norm in norms for value in norm.weight.tolist()} == scales


@pytest.mark.parametrize("name", [name for name in ZOO if name.startswith("small_")])
def test_the_small_designs_all_start_as_their_shortcuts(name: str) -> None:
    for unit in (m for m in Trunk(ZOO[name], 32).modules() if isinstance(m, Residual)):
        assert all(not list(branch.children())[-1].weight.any() for branch in unit.branches)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("name", "activated"),
    [
        ("cifar_resnetv2_110_relu_only_preact", True),
        ("cifar_resnetv2_110_full_preact", True),
        ("small_resnetv2", True),
        ("small_wrn", True),
        ("resnetv2_18_full_preact", False),  # as timm's
        ("cifar_ho_rk4_26", False),
    ],
)
def test_a_pre_activated_net_splits_its_activated_stem(name: str, activated: bool) -> None:
    """Both paths of the first unit begin with norm and ReLU, or with the ReLU (He et al. 2016, appendix)."""
    trunk = Trunk(ZOO[name], 4).eval()
    first = trunk.stages[0][0]
    for parameter in first.branches.parameters():
        nn.init.zeros_(parameter)
    x = trunk.stem(torch.randn(1, 3, 16, 16))
    assert torch.equal(first(x), first.before[0](x)) == activated


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
