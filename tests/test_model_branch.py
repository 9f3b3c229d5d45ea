"""Branches have the convolutions of their papers, and the chain of Res2Net feeds the parts it should."""

import pytest
import torch
from torch import nn

from unipose.model.branch import Basic, Bottleneck, Branch, Place, Res2, Res2Chain

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
def test_each_part_of_the_chain_is_fed_by_those_before_it(first: bool, fed_by: list[set[int]]) -> None:
    torch.manual_seed(0)
    chain = Res2Chain(width=2, scale=4, place=Place(8, 8, stride=1, dilation=1, first=first)).eval()
    x = torch.rand(1, 8, 5, 7, requires_grad=True)
    for part, sources in zip(chain(x).chunk(4, dim=1), fed_by, strict=True):
        (gradient,) = torch.autograd.grad(part.sum(), x, retain_graph=True)
        assert {i for i, g in enumerate(gradient.chunk(4, dim=1)) if g.abs().sum() > 0} == sources


def test_the_last_part_passes_or_is_averaged_at_the_opening_of_a_stage() -> None:
    x = torch.rand(1, 8, 6, 4)
    for stride in (1, 2):
        opening = Res2Chain(width=2, scale=4, place=Place(8, 8, stride, dilation=1, first=True))
        assert torch.equal(opening(x)[:, 6:], nn.functional.avg_pool2d(x[:, 6:], 3, stride, padding=1))
    inner = Res2Chain(width=2, scale=4, place=Place(8, 8, stride=1, dilation=1, first=False))
    assert torch.equal(inner(x)[:, 6:], x[:, 6:])
