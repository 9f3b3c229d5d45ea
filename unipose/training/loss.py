"""Losses between a network's raw maps and what they should be: of keypoints, whose targets are Gaussians, and of boxes.

Keypoints' maps are (..., K, h, w), with the batch in front, or batch and time; a loss gives one number for each.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from unipose.training.box_loss import box_counts, box_sums


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


Sums = tuple[Tensor, ...]


@dataclass(frozen=True)
class Loss:
    """A loss of models of a `kind`: sums(maps, target, weight) over a batch, as it has the latter two.

    Each sum is divided by one of counts(target, weight), both added up over all samples of a step; then they are added.
    `activation`: the row of `modeling.unipose.ACTIVATIONS` that turns raw maps trained with it into deployed ones.
    """

    sums: Callable[[Tensor, Tensor, Tensor], Sums]
    counts: Callable[[Tensor, Tensor], Sums]
    activation: str
    kind: str = "pose"


def of_keypoints(function: Callable[[Tensor, Tensor], Tensor], activation: str) -> Loss:
    """The weighted mean of a function (..., K, h, w) twice -> (..., K)."""

    def sums(maps: Tensor, target: Tensor, weight: Tensor) -> Sums:
        return ((function(maps, target) * weight).sum(),)

    return Loss(sums, lambda target, weight: (weight.sum(),), activation)


LOSSES: dict[str, Loss] = {
    "cross_entropy": of_keypoints(cross_entropy, "softmax"),
    "robust": of_keypoints(robust, "softmax"),
    "mse": of_keypoints(mse, "none"),
    "boxes": Loss(box_sums, box_counts, "none", "finder"),
}
