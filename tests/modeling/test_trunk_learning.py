"""Trunks that learn a step and are exported: one of each family, and by the slow tests every one."""

from dataclasses import replace

import onnxruntime
import pytest
import torch
from torch import nn

from unipose.modeling.blocks import Basic, Bottleneck, Branch, Res2
from unipose.modeling.residual import ORDERS
from unipose.modeling.runge_kutta import TABLEAUX
from unipose.modeling.trunk import ZOO, Row, Trunk


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
