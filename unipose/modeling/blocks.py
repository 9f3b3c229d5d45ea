"""Branches: the convolutions of a residual unit, beside its shortcut, with norm and ReLU between them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

NORM, RELU = "norm", "relu"
Ops = tuple[str, ...]


class Place(NamedTuple):
    """A unit's place in the network: input channels, its stage's planes, stride, dilation, whether first in it."""

    in_channels: int
    planes: int
    stride: int
    dilation: int
    first: bool


def layers(ops: Ops, channels: int) -> list[nn.Module]:
    """The modules of some operations. ReLU never works in place, because a pre-activated unit adds its input later."""
    make: dict[str, Callable[[], nn.Module]] = {NORM: lambda: nn.BatchNorm2d(channels), RELU: nn.ReLU}
    return [make[op]() for op in ops]


def conv(
    in_channels: int, out_channels: int, kernel: int, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Conv2d:
    """A convolution with an odd kernel and no bias, padded so that stride 1 keeps the map's size."""
    padding = dilation * (kernel // 2)
    return nn.Conv2d(in_channels, out_channels, kernel, stride, padding, dilation, groups, bias=False)


class Branch(Protocol):
    """A kind of branch: builds the convolutions of the unit at a place, which return `planes * expansion` channels."""

    @property
    def expansion(self) -> int: ...

    def build(self, place: Place) -> list[nn.Module]: ...


@dataclass(frozen=True)
class Basic:
    """Two 3x3 convolutions (He et al. 2015), in wide nets with dropout between (Zagoruyko & Komodakis 2016)."""

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
    """A bottleneck whose 3x3 is a chain over `scale` parts of the channels (Res2Net and Res2NeXt: Gao et al. 2019).

    Each part has `groups` groups of `base_width` channels per 64 planes.
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
    """3x3 convolution, norm and ReLU of each part of the channels but the last, on the part plus the result before it.

    The last part is passed on. As in the published networks, the first unit of a stage adds no result to the next part
    and sends the last one through a 3x3 average pool.
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
            x = part + done[-1] if self.chained and done else part
            done.append(self.relu(norm(convolve(x))))
        return torch.cat([*done, self.last(last)], dim=1)
