"""Losses between a network's raw maps and the Gaussians they should become."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F


def mse(maps: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean squared error; maps and target (B, K, h, w), weight (B, K) -> scalar, summed over each map's cells."""
    return _mean((maps.float() - target).square().sum(dim=(2, 3)), weight)


def cross_entropy(maps: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy between the softmax over each map and the normalised Gaussian, less the Gaussian's own entropy.

    maps and target (B, K, h, w), weight (B, K) -> scalar; 0 is perfect. It asks where the keypoint is rather than how
    high each cell is, and from scratch learns several times faster than `mse`.
    """
    logits = maps.float().flatten(2)
    wanted = target.flatten(2)
    wanted = wanted / wanted.sum(dim=2, keepdim=True).clamp_min(1e-12)
    return _mean(F.kl_div(F.log_softmax(logits, dim=2), wanted, reduction="none").sum(dim=2), weight)


def _mean(per_keypoint: Tensor, weight: Tensor) -> Tensor:
    """Over the keypoints that count; 0 where none does."""
    return (per_keypoint * weight).sum() / weight.sum().clamp_min(1.0)


@dataclass(frozen=True)
class Loss:
    """A loss and the activation (a name in `model.network.ACTIVATIONS`) that turns its raw maps into heatmaps."""

    function: Callable[[Tensor, Tensor, Tensor], Tensor]
    activation: str


LOSSES: dict[str, Loss] = {
    "mse": Loss(mse, "none"),
    "cross_entropy": Loss(cross_entropy, "softmax"),
}
