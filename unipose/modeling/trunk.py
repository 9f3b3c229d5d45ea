"""Trunks (backbones): a stem and stages of residual units. Each network is a row of `ZOO`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from unipose.modeling.blocks import NORM, RELU, Basic, Bottleneck, Branch, Ops, Place, Res2, conv, layers
from unipose.modeling.residual import ORDERS, UNITS, Residual
from unipose.modeling.runge_kutta import TABLEAUX


@dataclass(frozen=True)
class Row:
    """One network: its kind of branch, branches and planes per stage, and the names of its other parts.

    `depths` counts branches: a Runge-Kutta method (`scheme`) of p slopes makes depth / p units of a stage, with as many
    parameters in all. With `zero_init` units start as their shortcut (Goyal et al. 2017); one of the five of He et al.
    2016 cannot, and rows that compare these have it off, as the paper had. With `activated_start` both paths of a
    pre-activated net's first unit begin after its first norm and ReLU (He et al. 2016, appendix); timm's ResNetV2 adds
    the stem's raw output there. Raises ValueError for a depth that is no multiple of p.
    """

    branch: Branch
    depths: tuple[int, ...]
    planes: tuple[int, ...] = (64, 128, 256, 512)
    order: str = "original"
    scheme: str = "euler"
    shortcut: str = "projection"
    stem: str = "7x7"
    stem_channels: int = 64
    zero_init: bool = True
    activated_start: bool = False

    def __post_init__(self) -> None:
        if len(self.depths) != len(self.planes):
            raise ValueError(f"{len(self.depths)} depths and {len(self.planes)} planes: give one of each per stage")
        slopes = TABLEAUX[self.scheme].slopes
        if any(depth < 1 or depth % slopes for depth in self.depths):
            raise ValueError(
                f"{self.scheme} joins {slopes} branches: depths {self.depths} must be multiples of {slopes}"
            )

    @property
    def strides(self) -> list[int]:
        """The output strides a trunk can have; the last one needs no dilation."""
        return [STEMS[self.stem].stride * 2**i for i in range(len(self.depths))]


class Stem(NamedTuple):
    """The first layers: their stride, and what builds them from channels and operations after the last convolution."""

    stride: int
    build: Callable[[int, Ops], list[nn.Module]]


def deep_stem(channels: int, ops: Ops) -> list[nn.Module]:
    half = channels // 2
    opening = [conv(3, half, 3, 2), *layers((NORM, RELU), half), conv(half, half, 3), *layers((NORM, RELU), half)]
    return [*opening, conv(half, channels, 3), *layers(ops, channels), nn.MaxPool2d(3, 2, padding=1)]


STEMS = {
    "7x7": Stem(4, lambda channels, ops: [conv(3, channels, 7, 2), *layers(ops, channels), nn.MaxPool2d(3, 2, 1)]),
    "3x3x3": Stem(4, deep_stem),
    "3x3": Stem(1, lambda channels, ops: [conv(3, channels, 3), *layers(ops, channels)]),
}


def cifar(branch: Branch, depth: int, order: str, width: int = 16, stem_channels: int = 16, **axes: str) -> Row:
    """Row of a net for images of 32x32: three stages of `depth` branches, with `width` planes, 2 and 4 times that."""
    return Row(
        branch, (depth,) * 3, (width, 2 * width, 4 * width), order, stem="3x3", stem_channels=stem_channels,
        zero_init=False, activated_start=True, **axes,
    )  # fmt: skip


# The ResNets for ImageNet, by the number of layers with weights.
DEPTHS: dict[int, tuple[Branch, tuple[int, ...]]] = {
    18: (Basic(), (2, 2, 2, 2)),
    34: (Basic(), (3, 4, 6, 3)),
    50: (Bottleneck(), (3, 4, 6, 3)),
    101: (Bottleneck(), (3, 4, 23, 3)),
    152: (Bottleneck(), (3, 8, 36, 3)),
}
# Branches per stage of a Runge-Kutta net: four, or the slopes of a method where they do not divide four.
STEPS = {name: 4 if 4 % method.slopes == 0 else method.slopes for name, method in TABLEAUX.items()}
SMALL_PLANES = (18, 36, 72, 144)

ZOO = {
    **{f"resnet{depth}": Row(*row) for depth, row in DEPTHS.items()},
    **{
        f"resnetv2_{depth}_{unit}": Row(*DEPTHS[depth], order=unit, zero_init=False)
        for depth in (18, 34, 50)
        for unit in UNITS
    },
    "resnetv2_101_full_preact": Row(*DEPTHS[101], order="full_preact"),
    "resnetv2_152_full_preact": Row(*DEPTHS[152], order="full_preact"),
    "wide_resnet50_2": Row(Bottleneck(base_width=128), (3, 4, 6, 3)),
    "wide_resnet101_2": Row(Bottleneck(base_width=128), (3, 4, 23, 3)),
    "resnext50_32x4d": Row(Bottleneck(groups=32, base_width=4), (3, 4, 6, 3)),
    "resnext101_32x8d": Row(Bottleneck(groups=32, base_width=8), (3, 4, 23, 3)),
    "resnext101_64x4d": Row(Bottleneck(groups=64, base_width=4), (3, 4, 23, 3)),
    "res2net50_26w_4s": Row(Res2(26, 4), (3, 4, 6, 3)),
    "res2net50_26w_6s": Row(Res2(26, 6), (3, 4, 6, 3)),
    "res2net50_26w_8s": Row(Res2(26, 8), (3, 4, 6, 3)),
    "res2net50_48w_2s": Row(Res2(48, 2), (3, 4, 6, 3)),
    "res2net50_14w_8s": Row(Res2(14, 8), (3, 4, 6, 3)),
    "res2net101_26w_4s": Row(Res2(26, 4), (3, 4, 23, 3)),
    "res2net50_v1b_26w_4s": Row(Res2(26, 4), (3, 4, 6, 3), shortcut="average", stem="3x3x3"),
    "res2net101_v1b_26w_4s": Row(Res2(26, 4), (3, 4, 23, 3), shortcut="average", stem="3x3x3"),
    "res2next50": Row(Res2(4, 4, groups=8), (3, 4, 6, 3)),
    # Of equal size, 1.88 M parameters within 5 %, and equal starts, for comparisons on small budgets (`unipose study`).
    "small_resnet": Row(Basic(), (4, 4, 4, 4), SMALL_PLANES, stem_channels=18),
    "small_resnetv2": Row(Basic(), (4, 4, 4, 4), SMALL_PLANES, "full_preact", stem_channels=18, activated_start=True),
    "small_wrn": Row(
        Basic(dropout=0.1), (2, 2, 2, 2), (26, 52, 104, 208), "full_preact", stem_channels=26, activated_start=True
    ),
    "small_resnext": Row(Bottleneck(groups=8, base_width=13), (2, 2, 2, 2), (24, 48, 96, 192), stem_channels=24),
    "small_res2net": Row(Res2(24, 4), (2, 2, 2, 2), (24, 48, 96, 192), stem_channels=24),
    "small_ho_midpoint": Row(Basic(), (4, 4, 4, 4), SMALL_PLANES, "relu_after_step", "midpoint", stem_channels=18),
    "small_ho_rk4": Row(Basic(), (4, 4, 4, 4), SMALL_PLANES, "relu_after_step", "rk4", stem_channels=18),
    # The default model's, and the same with fewer and more scales at about as many parameters.
    "res2net_s": Row(Res2(32, 4), (1, 2, 3, 2), planes=(32, 64, 128, 160), stem_channels=32),
    "res2net_s_62w_2s": Row(Res2(62, 2), (1, 2, 3, 2), planes=(32, 64, 128, 160), stem_channels=32),
    "res2net_s_17w_8s": Row(Res2(17, 8), (1, 2, 3, 2), planes=(32, 64, 128, 160), stem_channels=32),
    **{
        f"ho_{scheme}_{8 * depth + 2}": Row(Basic(), (depth,) * 4, order="relu_after_step", scheme=scheme)
        for scheme, depth in STEPS.items()
    },
    # For images of 32x32, as classifiers alone: the pose network needs low features at stride 4.
    **{
        f"cifar_resnetv2_{6 * depth + 2}_{unit}": cifar(Basic(), depth, unit, shortcut="pad")
        for depth in (3, 6, 18)
        for unit in UNITS
    },
    **{f"cifar_resnetv2_164_{unit}": cifar(Bottleneck(), 18, unit) for unit in UNITS},
    **{
        f"cifar_wrn_{6 * depth + 4}_{k}{name}": cifar(Basic(dropout), depth, "full_preact", 16 * k)
        for depth, k in ((1, 2), (2, 8), (4, 10), (6, 4))
        for name, dropout in (("", 0.0), ("_dropout", 0.3))
    },
    "cifar_resnext20_8x16d": cifar(Bottleneck(groups=8, base_width=16), 2, "original"),
    "cifar_resnext29_8x64d": cifar(Bottleneck(groups=8), 3, "original", 64, 64),
    "cifar_resnext29_16x64d": cifar(Bottleneck(groups=16), 3, "original", 64, 64),
    "cifar_res2net29_24w_4s": cifar(Res2(24, 4), 3, "original"),
    "cifar_res2next29_8c_25w_4s": cifar(Res2(25, 4, groups=8), 3, "original", 64, 64),
    **{
        f"cifar_ho_{scheme}_{6 * depth + 2}": cifar(Basic(), depth, "relu_after_step", scheme=scheme, shortcut="pad")
        for scheme, depth in STEPS.items()
    },
    # At equal parameters, for all methods whose slopes divide twelve.
    **{
        f"cifar_ho_{scheme}_74": cifar(Basic(), 12, "relu_after_step", scheme=scheme, shortcut="pad")
        for scheme, method in TABLEAUX.items()
        if 12 % method.slopes == 0
    },
}


class Trunk(nn.Module):
    """A backbone: images (B, 3, H, W) -> the features of its first stage (low) and its last one (high).

    Low features are (B, low_channels, H/4, W/4), or at stride 1 with the 3x3 stem, for images of 32x32; high ones
    (B, high_channels, H/s, W/s). Beyond the output stride s dilation replaces striding. `multi_grid` multiplies the
    dilations of the last stage's units, repeated where they are more; (1, 1, 1) turns it off (Chen et al., DeepLabv3,
    2017). Initialisation: He et al. 2015, and the row's `zero_init`. Raises ValueError for an output stride that the
    row cannot have.

    With `checkpointing` a training keeps the units' outputs alone, and computes what is within a unit again when its
    gradients are due: the same gradients from a fraction of the memory, for about a third more work (Chen et al. 2016).
    """

    checkpointing = False

    def __init__(self, row: Row, output_stride: int = 16, multi_grid: Sequence[int] = (1, 2, 4)) -> None:
        super().__init__()
        order = ORDERS[row.order]
        stem, strides = STEMS[row.stem], row.strides
        if output_stride not in strides:
            raise ValueError(f"output stride {output_stride} is out of this trunk's reach: choose one of {strides}")
        self.low_stride, self.output_stride = stem.stride, output_stride
        self.stem = nn.Sequential(*stem.build(row.stem_channels, order.stem))
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
        initialise(self, row.zero_init)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        first, *others = self.stages
        low = high = self._run(first, self.stem(images))
        for stage in others:
            high = self._run(stage, high)
        return low, self.end(high)

    def _run(self, stage: nn.Module, features: Tensor) -> Tensor:
        if not (self.checkpointing and self.training and torch.is_grad_enabled()):
            run: Tensor = stage(features)
            return run
        for unit in stage.children():
            contexts = partial(_contexts, unit)
            features = checkpoint(unit, features, use_reentrant=False, context_fn=contexts)
        return features


def _contexts(unit: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Of a checkpointed unit's forward pass, and of its second one."""
    return nullcontext(), statistics_kept(unit)


@contextmanager
def statistics_kept(unit: nn.Module) -> Iterator[None]:
    """Batch norms, which have followed a batch already, do not follow it a second time."""
    norms = [m for m in unit.modules() if isinstance(m, nn.BatchNorm2d | nn.SyncBatchNorm)]
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, torch.tensor(0)  # None is refused by SyncBatchNorm
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, before, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, count


def build_stage(row: Row, i: int, in_channels: int, stride: int, dilations: Sequence[int]) -> nn.Sequential:
    """The units of stage i; the first one strides and changes channels."""
    tableau, channels = TABLEAUX[row.scheme], row.planes[i] * row.branch.expansion
    units = nn.Sequential()
    for j in range(row.depths[i] // tableau.slopes):
        dilation = dilations[j % len(dilations)]
        place = (
            Place(channels, row.planes[i], 1, dilation, first=False)
            if j
            else Place(in_channels, row.planes[i], stride, dilation, first=True)
        )
        activated = row.activated_start and i == j == 0
        units.append(Residual(row.branch, ORDERS[row.order], tableau, row.shortcut, place, activated))
    return units


def initialise(trunk: Trunk, zero_init: bool) -> None:
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    for module in trunk.modules():
        if isinstance(module, Residual) and zero_init:
            module.start_as_shortcut()
