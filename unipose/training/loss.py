"""Losses between a network's raw maps and the target Gaussians, one number per keypoint.

Maps are (..., K, h, w), with the batch in front, or batch and time.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


def mse(maps: Tensor, target: Tensor) -> Tensor:
    """Squared error summed over each map's cells: (..., K, h, w) twice -> (..., K)."""
    return (maps.float() - target).square().sum(dim=(-2, -1))


def cross_entropy(maps: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy between the softmax over each map and the normalised Gaussian, less the Gaussian's own entropy.

    maps and target (..., K, h, w) -> (..., K); 0 is perfect. It scores where a keypoint is rather than the value of
    each cell, and from scratch learns several times faster than `mse`.
    """
    logits = maps.float().flatten(-2)
    cells = target.flatten(-2)
    distribution = cells / cells.sum(dim=-1, keepdim=True).clamp_min(1e-12)
    return F.kl_div(F.log_softmax(logits, dim=-1), distribution, reduction="none").sum(dim=-1)


ROBUST = 0.3  # q of `robust`: the larger, the less wrong labels count


def robust(maps: Tensor, target: Tensor) -> Tensor:
    """(1 - exp(-q CE)) / q of the cross-entropy CE: about CE where it is small, and at most 1 / q -> (..., K).

    The gradient of a wrong label, whose cross-entropy stays large, becomes small; so is every keypoint's at the start.
    Zhang and Sabuncu, Generalized cross entropy loss for training deep neural networks with noisy labels, 2018.
    """
    return (1 - torch.exp(-ROBUST * cross_entropy(maps, target))) / ROBUST


@dataclass(frozen=True)
class Loss:
    """A loss, and the row of `modeling.unipose.ACTIVATIONS` that turns raw maps trained with it into heatmaps."""

    function: Callable[[Tensor, Tensor], Tensor]
    activation: str


LOSSES: dict[str, Loss] = {
    "cross_entropy": Loss(cross_entropy, "softmax"),
    "robust": Loss(robust, "softmax"),
    "mse": Loss(mse, "none"),
}
