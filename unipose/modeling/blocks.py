"""Branches: the convolutions of a residual unit, with norm and ReLU between them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

NORM, RELU = "norm", "relu"
Ops = tuple[str, ...]


class Place(NamedTuple):
    """Where a unit stands: its input channels, its stage's planes, stride, dilation, and whether it opens the stage."""

    in_channels: int
    planes: int
    stride: int
    dilation: int
    first: bool


def layers(ops: Ops, channels: int) -> list[nn.Module]:
    """Modules of a row of operations. No ReLU works in place: a pre-activated unit adds its untouched input."""
    make: dict[str, Callable[[], nn.Module]] = {NORM: lambda: nn.BatchNorm2d(channels), RELU: nn.ReLU}
    return [make[op]() for op in ops]


def conv(
    in_channels: int, out_channels: int, kernel: int, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Conv2d:
    """Convolution of an odd kernel without bias, which at stride 1 keeps the map's size."""
    padding = dilation * (kernel // 2)
    return nn.Conv2d(in_channels, out_channels, kernel, stride, padding, dilation, groups, bias=False)


class Branch(Protocol):
    """A frozen row that builds the convolutions of a unit for its place; they give `planes * expansion` channels."""

    @property
    def expansion(self) -> int: ...

    def build(self, place: Place) -> list[nn.Module]: ...


@dataclass(frozen=True)
class Basic:
    """Two 3x3 convolutions (He et al. 2015), with dropout between them in a wide net (Zagoruyko & Komodakis 2016)."""

    dropout: float = 0.0
    expansion: int = 1

    def build(self, place: Place) -> list[nn.Module]:
        return [
            conv(place.in_channels, place.planes, 3, place.stride, place.dilation),
            *layers((NORM, RELU), place.planes),
            nn.Dropout(self.dropout),
            conv(place.planes, place.planes * self.expansion, 3, dilation=place.dilation),
        ]


@dataclass(frozen=True)
class Bottleneck:
    """1x1, strided 3x3, 1x1; the 3x3 in `groups` of `base_width` channels per 64 planes (ResNeXt: Xie et al. 2017)."""

    groups: int = 1
    base_width: int = 64
    expansion: int = 4

    def build(self, place: Place) -> list[nn.Module]:
        width = place.planes * self.base_width // 64 * self.groups
        return [
            conv(place.in_channels, width, 1),
            *layers((NORM, RELU), width),
            conv(width, width, 3, place.stride, place.dilation, self.groups),
            *layers((NORM, RELU), width),
            conv(width, place.planes * self.expansion, 1),
        ]


@dataclass(frozen=True)
class Res2:
    """Bottleneck whose 3x3 is a chain over `scale` parts of the channels (Res2Net and Res2NeXt: Gao et al. 2019).

    A part has `groups` groups of `base_width` channels per 64 planes.
    """

    base_width: int = 26
    scale: int = 4
    groups: int = 1
    expansion: int = 4

    def build(self, place: Place) -> list[nn.Module]:
        width = place.planes * self.base_width // 64 * self.groups
        return [
            conv(place.in_channels, width * self.scale, 1),
            *layers((NORM, RELU), width * self.scale),
            Res2Chain(width, self.scale, place, self.groups),
            conv(width * self.scale, place.planes * self.expansion, 1),
        ]


class Res2Chain(nn.Module):
    """3x3 convolution, norm and ReLU over each part of the channels but the last, each part fed by the one before.

    The last part passes. In the unit that opens a stage the parts are not chained and the last one passes a 3x3 average
    pool, as in the published networks.
    """

    def __init__(self, width: int, scale: int, place: Place, groups: int = 1) -> None:
        super().__init__()
        self.chained = not place.first
        self.convs = nn.ModuleList(
            conv(width, width, 3, place.stride, place.dilation, groups) for _ in range(scale - 1)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(scale - 1))
        self.relu = nn.ReLU()
        self.last = nn.AvgPool2d(3, place.stride, padding=1) if place.first else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        *parts, last = x.chunk(len(self.convs) + 1, dim=1)
        done: list[Tensor] = []
        for part, convolve, norm in zip(parts, self.convs, self.norms, strict=True):
            fed = part + done[-1] if self.chained and done else part
            done.append(self.relu(norm(convolve(fed))))
        return torch.cat([*done, self.last(last)], dim=1)
