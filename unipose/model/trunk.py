"""Trunks: a stem and stages of residual units, as rows of numbers in one dict."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from unipose.model.branch import Basic, Bottleneck, Branch, Ops, Place, Res2, conv, layers
from unipose.model.residual import ORDERS, Residual
from unipose.model.runge_kutta import TABLEAUX


@dataclass(frozen=True)
class Row:
    """One network: the branch of its units, branches and planes per stage, and the other axes by name.

    `depths` counts branches: a scheme of p slopes makes depth / p units of a stage, at equal parameters. Raises
    ValueError for a depth that is no multiple of p.
    """

    branch: Branch
    depths: tuple[int, ...]
    planes: tuple[int, ...] = (64, 128, 256, 512)
    order: str = "original"
    scheme: str = "euler"
    shortcut: str = "projection"
    stem: str = "7x7"
    stem_channels: int = 64

    def __post_init__(self) -> None:
        if len(self.depths) != len(self.planes):
            raise ValueError(f"{len(self.depths)} depths and {len(self.planes)} planes: give one of each per stage")
        slopes = TABLEAUX[self.scheme].slopes
        if any(depth < 1 or depth % slopes for depth in self.depths):
            raise ValueError(
                f"{self.scheme} joins {slopes} branches: depths {self.depths} must be multiples of {slopes}"
            )


ZOO = {
    "resnet18": Row(Basic(), (2, 2, 2, 2)),
    "resnet34": Row(Basic(), (3, 4, 6, 3)),
    "resnet50": Row(Bottleneck(), (3, 4, 6, 3)),
    "resnet101": Row(Bottleneck(), (3, 4, 23, 3)),
    "resnet152": Row(Bottleneck(), (3, 8, 36, 3)),
    "resnetv2_50_original": Row(Bottleneck(), (3, 4, 6, 3), order="original"),
    "resnetv2_50_bn_after_add": Row(Bottleneck(), (3, 4, 6, 3), order="bn_after_add"),
    "resnetv2_50_relu_before_add": Row(Bottleneck(), (3, 4, 6, 3), order="relu_before_add"),
    "resnetv2_50_relu_only_preact": Row(Bottleneck(), (3, 4, 6, 3), order="relu_only_preact"),
    "resnetv2_50_full_preact": Row(Bottleneck(), (3, 4, 6, 3), order="full_preact"),
    "wide_resnet50_2": Row(Bottleneck(base_width=128), (3, 4, 6, 3)),
    "resnext50_32x4d": Row(Bottleneck(groups=32, base_width=4), (3, 4, 6, 3)),
    "resnext101_32x8d": Row(Bottleneck(groups=32, base_width=8), (3, 4, 23, 3)),
    "res2net50_26w_4s": Row(Res2(26, 4), (3, 4, 6, 3)),
    "res2net101_26w_4s": Row(Res2(26, 4), (3, 4, 23, 3)),
    "res2net_s": Row(Res2(32, 4), (1, 2, 3, 2), planes=(32, 64, 128, 160), stem_channels=32),
    "ho_midpoint_34": Row(Basic(), (4, 4, 4, 4), order="relu_after_step", scheme="midpoint"),
    "ho_rk4_34": Row(Basic(), (4, 4, 4, 4), order="relu_after_step", scheme="rk4"),
}


# Stride of each stem, and its modules: (channels, operations after the convolution) -> list.
STEMS: dict[str, tuple[int, Callable[[int, Ops], list[nn.Module]]]] = {
    "7x7": (4, lambda channels, ops: [conv(3, channels, 7, 2), *layers(ops, channels), nn.MaxPool2d(3, 2, padding=1)]),
    "3x3": (1, lambda channels, ops: [conv(3, channels, 3), *layers(ops, channels)]),
}


class Trunk(nn.Module):
    """Images (B, 3, H, W) -> low (B, low_channels, H/4, W/4) of the first stage, high (B, high_channels, H/s, W/s).

    Past `output_stride` s dilation replaces striding; `multi_grid` multiplies the dilations of the last stage's units,
    starting over where they are more, and (1, 1, 1) turns it off (Chen et al., DeepLabv3, 2017). Convolutions start by
    He et al. 2015; with `zero_init` a unit whose branch ends in a norm starts as its shortcut (Goyal et al. 2017). The
    stem 3x3, for images of 32x32, gives low features at stride 1. Raises ValueError for an output stride out of reach.
    """

    def __init__(
        self, row: Row, output_stride: int = 16, multi_grid: Sequence[int] = (1, 2, 4), zero_init: bool = True
    ) -> None:
        super().__init__()
        order = ORDERS[row.order]
        self.low_stride, stem = STEMS[row.stem]
        strides = [self.low_stride * 2**i for i in range(len(row.depths))]
        if output_stride not in strides:
            raise ValueError(f"output stride {output_stride} is out of this trunk's reach: choose one of {strides}")
        self.output_stride = output_stride
        self.stem = nn.Sequential(*stem(row.stem_channels, order.stem))
        self.stages = nn.ModuleList()
        channels = row.stem_channels
        for i, stride in enumerate(strides):
            step = 2 if i and stride <= output_stride else 1
            dilation = max(1, stride // output_stride)
            grid = multi_grid if stride == strides[-1] else (1,)
            self.stages.append(build_stage(row, i, channels, step, [dilation * factor for factor in grid]))
            channels = row.planes[i] * row.branch.expansion
        self.end = nn.Sequential(*layers(order.end, channels))
        self.low_channels, self.high_channels = row.planes[0] * row.branch.expansion, channels
        initialise(self, zero_init)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        low = high = self.stages[0](self.stem(images))
        for stage in self.stages[1:]:
            high = stage(high)
        return low, self.end(high)


def build_stage(row: Row, i: int, in_channels: int, stride: int, dilations: Sequence[int]) -> nn.Sequential:
    """Units of stage i; the first one strides and changes channels."""
    tableau, channels = TABLEAUX[row.scheme], row.planes[i] * row.branch.expansion
    units = nn.Sequential()
    for j in range(row.depths[i] // tableau.slopes):
        dilation = dilations[j % len(dilations)]
        place = (
            Place(channels, row.planes[i], 1, dilation, first=False)
            if j
            else Place(in_channels, row.planes[i], stride, dilation, first=True)
        )
        units.append(Residual(row.branch, ORDERS[row.order], tableau, row.shortcut, place))
    return units


def initialise(trunk: Trunk, zero_init: bool) -> None:
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, Residual) and zero_init:
            module.start_as_shortcut()
