"""Trunks have the sizes of their papers, dilate past the output stride, learn, export, and refuse what does not fit."""

from dataclasses import replace
from functools import cache

import onnxruntime
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from unipose.modeling.blocks import Basic, Bottleneck, Branch, Res2
from unipose.modeling.residual import ORDERS, UNITS, Residual
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


def tiny(row: Row) -> Row:
    """One narrow unit per stage, on all axes the same."""
    slopes, stages = TABLEAUX[row.scheme].slopes, len(row.planes)
    # A branch that starts at zero would hide a slope that nothing reads.
    return replace(row, depths=(slopes,) * stages, planes=(16, 16, 16, 32)[:stages], stem_channels=8, zero_init=False)


def images(row: Row, batch: int = 2) -> torch.Tensor:
    """Small ones, which give every stage at least 2x2 pixels."""
    return torch.randn(batch, 3, 16, 24) if row.stem == "3x3" else torch.randn(batch, 3, 64, 96)


def trained(row: Row, output_stride: int) -> Trunk:
    """A trunk after one step, in which every parameter learned and after which every output is finite."""
    torch.manual_seed(0)
    trunk = Trunk(row, output_stride).train()
    for module in trunk.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0  # the running statistics are then those of the step
    optimiser = torch.optim.AdamW(trunk.parameters(), lr=1e-4)
    sum(features.square().mean() for features in trunk(images(row))).backward()
    for name, parameter in trunk.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name
    optimiser.step()
    assert all(features.isfinite().all() for features in trunk.eval()(images(row)))
    return trunk


def assert_exports(trunk: Trunk, row: Row) -> None:
    """ONNX Runtime is as near to the exact output as PyTorch is, at another batch than the traced one.

    Both round in float32, and a hundred layers with weights of chance multiply what they round.
    """
    batch = {0: torch.export.Dim("batch")}
    program = torch.onnx.export(
        trunk, (images(row),), dynamo=True, dynamic_shapes=(batch,), input_names=["images"], optimize=False,
        verbose=False,
    )  # fmt: skip
    assert program is not None
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"])
    x = images(row, batch=3)
    exported = session.run(None, {"images": x.numpy()})
    with torch.no_grad():
        single, exact = trunk(x), trunk.double()(x.double())
    for found, ours, wanted in zip(exported, single, exact, strict=True):
        rounding = (ours - wanted).abs().max() + 1e-6 * wanted.abs().max()
        assert (torch.from_numpy(found) - wanted).abs().max() < 10 * rounding
        assert rounding < 0.02 * wanted.abs().max()


FAMILIES = {tiny(row): name for name, row in reversed(ZOO.items())}


@pytest.mark.parametrize("row", FAMILIES, ids=FAMILIES.values())
def test_every_family_learns(row: Row) -> None:
    for output_stride in row.strides[-3:]:
        trained(row, output_stride)


@pytest.mark.parametrize("row", FAMILIES, ids=FAMILIES.values())
def test_checkpointing_changes_neither_gradients_nor_statistics(row: Row) -> None:
    """Nor dropout; what is within the units is computed twice."""
    step = {}
    for checkpointing in (False, True):
        torch.manual_seed(0)
        trunk, seen = Trunk(row, row.strides[-2]).train(), []
        trunk.checkpointing = checkpointing
        for unit in [unit for stage in trunk.stages for unit in stage]:
            unit.register_forward_pre_hook(lambda unit, inputs, seen=seen: seen.append(unit))
        outputs = trunk(images(row))
        sum(features.square().mean() for features in outputs).backward()
        state = {**dict(trunk.named_buffers()), **{name: p.grad for name, p in trunk.named_parameters()}}
        step[checkpointing] = [*outputs, *state.values()]
        assert len(seen) == len(row.planes) * (1 + checkpointing)
        assert all(norm.momentum == 0.1 for norm in trunk.modules() if isinstance(norm, nn.BatchNorm2d))
    assert all(torch.equal(plain, again) for plain, again in zip(step[False], step[True], strict=True))


def test_checkpointing_goes_with_norms_over_several_gpus() -> None:
    """They refuse to be without a count of their batches, also in a process that is alone."""
    row = tiny(ZOO["resnet18"])
    trunk = nn.SyncBatchNorm.convert_sync_batchnorm(Trunk(row, 16)).train()
    trunk.checkpointing = True
    sum(features.mean() for features in trunk(images(row))).backward()
    norms = [m for m in trunk.modules() if isinstance(m, nn.SyncBatchNorm)]
    assert norms and all(norm.num_batches_tracked == 1 and norm.momentum == 0.1 for norm in norms)


@pytest.mark.parametrize("back", [2, 3], ids=["16", "8"])
@pytest.mark.parametrize(
    "name",
    ["resnetv2_50_full_preact", "resnext50_32x4d", "res2net50_26w_4s", "res2net50_v1b_26w_4s", "ho_gill4_34",
     "cifar_resnetv2_110_original", "cifar_wrn_16_8"],
)  # fmt: skip
def test_families_export(name: str, back: int) -> None:
    row = tiny(ZOO[name])
    assert_exports(trained(row, row.strides[-back]), row)


@pytest.mark.slow
@pytest.mark.parametrize("back", [1, 2, 3], ids=["32", "16", "8"])
@pytest.mark.parametrize("name", ZOO)
def test_every_name_learns_and_exports(name: str, back: int) -> None:
    """At output strides 32, 16 and 8; nets for small images, whose strides are 4, 2 and 1, at those."""
    row = ZOO[name]
    assert_exports(trained(row, row.strides[-back]), row)


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
