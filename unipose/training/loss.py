"""Losses between a network's raw maps and the Gaussians they should become, one number per keypoint.

Maps are (..., K, h, w), led by the batch or, of windows, by batch and time.
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

    maps and target (..., K, h, w) -> (..., K); 0 is perfect. It asks where the keypoint is rather than how high each
    cell is, and from scratch learns several times faster than `mse`.
    """
    logits = maps.float().flatten(-2)
    wanted = target.flatten(-2)
    wanted = wanted / wanted.sum(dim=-1, keepdim=True).clamp_min(1e-12)
    return F.kl_div(F.log_softmax(logits, dim=-1), wanted, reduction="none").sum(dim=-1)


ROBUST = 0.3  # how soon `robust` gives a keypoint up


def robust(maps: Tensor, target: Tensor) -> Tensor:
    """(1 - exp(-q CE)) / q of the cross-entropy CE, which it is near for small errors: 1 / q at most -> (..., K).

    A wrong label, whose cross-entropy stays large, pulls less; so does every keypoint at the start. After Zhang and
    Sabuncu, Generalized cross entropy loss for training deep neural networks with noisy labels, 2018.
    """
    return (1 - torch.exp(-ROBUST * cross_entropy(maps, target))) / ROBUST


@dataclass(frozen=True)
class Loss:
    """A loss and the activation (a name in `model.network.ACTIVATIONS`) that turns its raw maps into heatmaps."""

    function: Callable[[Tensor, Tensor], Tensor]
    activation: str


LOSSES: dict[str, Loss] = {
    "mse": Loss(mse, "none"),
    "cross_entropy": Loss(cross_entropy, "softmax"),
    "robust": Loss(robust, "softmax"),
}
