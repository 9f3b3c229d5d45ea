"""Branches have the convolutions of their papers, ResNeXt's forms are equal, and Res2Net's parts are chained."""

import pytest
import torch
from torch import nn

from unipose.modeling.blocks import NORM, RELU, Basic, Bottleneck, Branch, Place, Res2, Res2Chain, conv, layers

STRIDED = Place(in_channels=96, planes=128, stride=2, dilation=1, first=True)
DILATED = Place(in_channels=512, planes=128, stride=1, dilation=4, first=False)


@pytest.mark.parametrize(
    ("branch", "place", "convolutions"),
    # Each convolution as (input, output channels, kernel, stride, dilation, groups).
    [
        (Basic(), STRIDED, [(96, 128, 3, 2, 1, 1), (128, 128, 3, 1, 1, 1)]),
        (Basic(), DILATED, [(512, 128, 3, 1, 4, 1), (128, 128, 3, 1, 4, 1)]),
        (Bottleneck(), STRIDED, [(96, 128, 1, 1, 1, 1), (128, 128, 3, 2, 1, 1), (128, 512, 1, 1, 1, 1)]),
        (Bottleneck(32, 4), DILATED, [(512, 256, 1, 1, 1, 1), (256, 256, 3, 1, 4, 32), (256, 512, 1, 1, 1, 1)]),
        (Bottleneck(base_width=128), DILATED, [(512, 256, 1, 1, 1, 1), (256, 256, 3, 1, 4, 1), (256, 512, 1, 1, 1, 1)]),
        (Res2(26, 4), STRIDED, [(96, 208, 1, 1, 1, 1), *[(52, 52, 3, 2, 1, 1)] * 3, (208, 512, 1, 1, 1, 1)]),
        (Res2(26, 4), DILATED, [(512, 208, 1, 1, 1, 1), *[(52, 52, 3, 1, 4, 1)] * 3, (208, 512, 1, 1, 1, 1)]),
        (Res2(14, 8), DILATED, [(512, 224, 1, 1, 1, 1), *[(28, 28, 3, 1, 4, 1)] * 7, (224, 512, 1, 1, 1, 1)]),
        (Res2(4, 4, groups=8), STRIDED, [(96, 256, 1, 1, 1, 1), *[(64, 64, 3, 2, 1, 8)] * 3, (256, 512, 1, 1, 1, 1)]),
    ],
)
def test_convolutions(branch: Branch, place: Place, convolutions: list[tuple[int, ...]]) -> None:
    found = [
        (c.in_channels, c.out_channels, c.kernel_size[0], c.stride[0], c.dilation[0], c.groups)
        for c in nn.Sequential(*branch.build(place)).modules()
        if isinstance(c, nn.Conv2d)
    ]
    assert found == convolutions


@pytest.mark.parametrize(("first", "fed_by"), [(False, [{0}, {0, 1}, {0, 1, 2}, {3}]), (True, [{0}, {1}, {2}, {3}])])
def test_each_part_of_the_chain_depends_on_those_before_it(first: bool, fed_by: list[set[int]]) -> None:
    torch.manual_seed(0)
    chain = Res2Chain(width=2, scale=4, place=Place(8, 8, stride=1, dilation=1, first=first)).eval()
    x = torch.rand(1, 8, 5, 7, requires_grad=True)
    for part, sources in zip(chain(x).chunk(4, dim=1), fed_by, strict=True):
        (gradient,) = torch.autograd.grad(part.sum(), x, retain_graph=True)
        assert {i for i, g in enumerate(gradient.chunk(4, dim=1)) if g.abs().sum() > 0} == sources


def test_the_last_part_is_passed_on_or_averaged_in_the_first_unit_of_a_stage() -> None:
    x = torch.rand(1, 8, 6, 4)
    for stride in (1, 2):
        opening = Res2Chain(width=2, scale=4, place=Place(8, 8, stride, dilation=1, first=True))
        assert torch.equal(opening(x)[:, 6:], nn.functional.avg_pool2d(x[:, 6:], 3, stride, padding=1))
    inner = Res2Chain(width=2, scale=4, place=Place(8, 8, stride=1, dilation=1, first=False))
    assert torch.equal(inner(x)[:, 6:], x[:, 6:])


def test_the_three_forms_of_resnext_are_equal() -> None:
    """Figure 3 of Xie et al. 2017: (a) a sum of whole paths, (b) joined before the last 1x1, (c) grouped 3x3."""
    torch.manual_seed(0)
    groups, place = 4, Place(in_channels=24, planes=32, stride=2, dilation=1, first=True)
    grouped = nn.Sequential(*Bottleneck(groups, base_width=8).build(place)).double().eval()
    for norm in (grouped[1], grouped[4]):
        for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            nn.init.uniform_(values, 0.5, 1.5)
    *narrow, last = grouped
    width = last.in_channels // groups
    x = torch.randn(2, 24, 9, 7, dtype=torch.float64, requires_grad=True)
    parts = []
    for i in range(groups):
        path = nn.Sequential(
            conv(24, width, 1), *layers((NORM, RELU), width), conv(width, width, 3, 2), *layers((NORM, RELU), width)
        )
        mine = {k: v if v.ndim == 0 else v.chunk(groups)[i] for k, v in nn.Sequential(*narrow).state_dict().items()}
        path.double().eval().load_state_dict(mine)
        parts.append(path(x))
    weights = last.weight.chunk(groups, dim=1)
    summed = torch.stack([nn.functional.conv2d(part, w) for part, w in zip(parts, weights, strict=True)]).sum(dim=0)
    forms = [summed, last(torch.cat(parts, dim=1)), grouped(x)]
    gradients = [torch.autograd.grad(form.square().sum(), x, retain_graph=True)[0] for form in forms]
    for form, gradient in zip(forms, gradients, strict=True):
        assert torch.allclose(form, forms[-1], atol=1e-12)
        assert torch.allclose(gradient, gradients[-1], atol=1e-12)
    assert forms[-1].std() > 0.1


def test_a_wide_net_drops_out_between_its_convolutions() -> None:
    modules = Basic(dropout=0.3).build(DILATED)
    assert [type(module).__name__ for module in modules] == ["Conv2d", "BatchNorm2d", "ReLU", "Dropout", "Conv2d"]
    assert [module.p for module in modules if isinstance(module, nn.Dropout)] == [0.3]
    x, without = torch.randn(2, 512, 4, 4), nn.Sequential(*Basic().build(DILATED))
    branch = nn.Sequential(*modules)
    branch.load_state_dict(without.state_dict())  # the same names: dropout is no other net
    assert not torch.equal(branch(x), branch(x))
    assert torch.equal(without(x), without(x))
    assert torch.equal(branch.eval()(x), branch(x))
