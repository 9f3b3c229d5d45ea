"""UniPose, the pose network: a trunk, WASP and a decoder, and the final activation of a deployed network."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from unipose.modeling.blocks import NORM, RELU, conv, layers
from unipose.modeling.simcc import SimCC
from unipose.modeling.trunk import Trunk

LOW_STRIDE = 4  # of the low features, which the decoder concatenates to WASP's output


def conv_norm_relu(in_channels: int, out_channels: int, kernel: int, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        conv(in_channels, out_channels, kernel, dilation=dilation), *layers((NORM, RELU), out_channels)
    )


def resize(maps: Tensor, like: Tensor) -> Tensor:
    """Bilinear, on pixel edges: x -> (x + 1/2) * f - 1/2."""
    return functional.interpolate(maps, like.shape[-2:], mode="bilinear", align_corners=False)


class PooledNorm(nn.BatchNorm2d):
    """Batch norm of 1x1 maps; a training batch of one has no variance, so it uses the running statistics."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training and x.shape[0] == 1:
            return functional.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(x)


class Waterfall(NamedTuple):
    """A form of WASP: whether a 1x1 convolution comes first, and its dilation rates at output stride 16."""

    entry: bool
    rates: tuple[int, ...]


WATERFALLS = {"code": Waterfall(True, (18, 12, 6)), "figure": Waterfall(False, (6, 12, 18, 24))}
"""As in the published code, and as the paper's figure draws it."""


class WASP(nn.Module):
    """Waterfall atrous spatial pooling (Artacho & Savakis 2020): (B, in_channels, h, w) -> (B, channels, h, w).

    With an `entry` a 1x1 convolution, then one 3x3 per dilation rate, each on the result before it. Each result goes
    through two 1x1 convolutions (if `shared` one for all, applied twice; else two for each). A last 1x1 joins them with
    the pooled input.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int = 256,
        rates: Sequence[int] = (18, 12, 6),
        shared: bool = True,
        dropout: float = 0.5,
        entry: bool = True,
    ) -> None:
        super().__init__()
        steps = [(1, 1)] * entry + [(3, rate) for rate in rates]  # kernel and dilation
        inputs = [in_channels] + [channels] * (len(steps) - 1)
        self.waterfall = nn.ModuleList(
            conv_norm_relu(n, channels, *step) for n, step in zip(inputs, steps, strict=True)
        )
        self.mixes = nn.ModuleList(conv(channels, channels, 1) for _ in range(1 if shared else 2 * len(self.waterfall)))
        self.pool = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), conv(in_channels, channels, 1), PooledNorm(channels), nn.ReLU()
        )
        self.join = conv_norm_relu(channels * (len(self.waterfall) + 1), channels, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        outputs, flow = [], x
        for i, convolution in enumerate(self.waterfall):
            flow = convolution(flow)
            first, second = (self.mixes[(2 * i + j) % len(self.mixes)] for j in (0, 1))
            outputs.append(second(first(flow)))
        outputs.append(self.pool(x).expand_as(flow))
        joined: Tensor = self.dropout(self.join(torch.cat(outputs, dim=1)))
        return joined


class Decoder(nn.Module):
    """Low features and WASP's output -> raw maps (B, keypoints, H/stride, W/stride) of an image (H, W).

    `stride` is 8 in the paper, with pooled low features; 4 suits small inputs. Raises ValueError for another one.
    """

    def __init__(
        self,
        low_channels: int,
        high_channels: int,
        keypoints: int,
        stride: int = 8,
        channels: int = 256,
        reduced_channels: int = 48,
        dropouts: tuple[float, float] = (0.5, 0.1),
    ) -> None:
        super().__init__()
        if stride not in (4, 8):
            raise ValueError(f"decoder stride {stride}: the low features are at stride 4, choose 4 or 8")
        pool = nn.MaxPool2d(3, 2, padding=1) if stride == 8 else nn.Identity()
        self.reduce = nn.Sequential(conv_norm_relu(low_channels, reduced_channels, 1), pool)
        self.refine = nn.Sequential(
            conv_norm_relu(reduced_channels + high_channels, channels, 3),
            nn.Dropout(dropouts[0]),
            conv_norm_relu(channels, channels, 3),
            nn.Dropout(dropouts[1]),
        )
        self.maps = nn.Conv2d(channels, keypoints, 1)

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        low = self.reduce(low)
        maps: Tensor = self.maps(self.refine(torch.cat([resize(high, low), low], dim=1)))
        return maps


HEADS = ("maps", "simcc")
"""The paper's decoder, and `SimCC`."""


class UniPose(nn.Module):
    """UniPose (Artacho & Savakis 2020): images (B, 3, H, W) -> raw maps (B, keypoints, H/stride, W/stride).

    `wasp`: a row of `WATERFALLS`; `wasp_rates` None means its own for the trunk's output stride (18, 12, 6 at 16, twice
    that at 8), chosen for inputs of 368x368. Smaller inputs need smaller rates: one beyond the map's size reads nothing
    but padding. `head`: one of `HEADS`; simcc takes images of `input_wh` alone, and any stride.
    """

    def __init__(
        self,
        trunk: Trunk,
        keypoints: int,
        *,
        wasp: str = "code",
        wasp_channels: int = 256,
        wasp_rates: Sequence[int] | None = None,
        wasp_shared: bool = True,
        decoder_stride: int = 8,
        decoder_channels: int = 256,
        dropout: float = 0.5,
        head: str = "maps",
        input_wh: tuple[int, int] = (0, 0),
    ) -> None:
        super().__init__()
        if trunk.low_stride != LOW_STRIDE:
            raise ValueError(
                f"the decoder needs low features at stride {LOW_STRIDE}, this trunk has them at {trunk.low_stride}: "
                "nets for images of 32x32 are classifiers only"
            )
        self.keypoints, self.stride = keypoints, decoder_stride
        if wasp_rates is None:
            wasp_rates = [rate * 16 // trunk.output_stride for rate in WATERFALLS[wasp].rates]
        self.trunk = trunk
        entry = WATERFALLS[wasp].entry
        self.wasp = WASP(trunk.high_channels, wasp_channels, wasp_rates, wasp_shared, dropout, entry)
        self.decoder: Decoder | SimCC
        if head == "simcc":
            width, height = input_wh
            features_hw = math.ceil(height / trunk.output_stride), math.ceil(width / trunk.output_stride)
            maps_hw = height // decoder_stride, width // decoder_stride
            self.decoder = SimCC(wasp_channels, keypoints, features_hw, maps_hw)
        else:
            dropouts = (dropout, dropout / 5)
            self.decoder = Decoder(
                trunk.low_channels, wasp_channels, keypoints, decoder_stride, decoder_channels, dropouts=dropouts
            )

    def forward(self, images: Tensor) -> Tensor:
        low, high = self.trunk(images)
        maps: Tensor = self.decoder(low, self.wasp(high))
        return maps


class SpatialSoftmax(nn.Module):
    """Logits (B, K, h, w) -> softmax over each map times 2 pi sigma^2: a Gaussian of sigma cells peaks at 1."""

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.scale = 2 * math.pi * sigma**2

    def forward(self, logits: Tensor) -> Tensor:
        return logits.flatten(2).softmax(dim=2).reshape(logits.shape) * self.scale


ACTIVATIONS: dict[str, Callable[[float], nn.Module]] = {"none": lambda sigma: nn.Identity(), "softmax": SpatialSoftmax}


def deployable(network: nn.Module, activation: str, sigma: float) -> nn.Module:
    """`network` with its final activation, a row of `ACTIVATIONS`, as it is exported; `sigma` in heatmap cells."""
    return nn.Sequential(network, ACTIVATIONS[activation](sigma))
