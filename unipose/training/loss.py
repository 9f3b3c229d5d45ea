"""Losses between a network's output and what it should be: keypoints, whose targets are Gaussians, boxes, or classes.

Keypoints' maps are (..., K, h, w), with the batch in front, or batch and time; a loss gives one number for each.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from unipose.training.box_loss import box_terms

Terms = tuple[tuple[Tensor, Tensor], ...]
"""Sums over the samples of a process, each with what the sum over all processes is divided by, if that is above 1."""


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
    """A loss: terms(maps, target, weight), as batches have the latter two, are added up; for models of a `kind`.

    `activation`: the row of `modeling.unipose.ACTIVATIONS` that turns raw maps trained with it into deployed ones.
    """

    terms: Callable[[Tensor, Tensor, Tensor], Terms]
    activation: str
    kind: str = "pose"


def of_keypoints(function: Callable[[Tensor, Tensor], Tensor], activation: str) -> Loss:
    """The weighted mean of a function (..., K, h, w) twice -> (..., K)."""

    def terms(maps: Tensor, target: Tensor, weight: Tensor) -> Terms:
        return (((function(maps, target) * weight).sum(), weight.sum()),)

    return Loss(terms, activation)


LOSSES: dict[str, Loss] = {
    "cross_entropy": of_keypoints(cross_entropy, "softmax"),
    "robust": of_keypoints(robust, "softmax"),
    "mse": of_keypoints(mse, "none"),
    "boxes": Loss(box_terms, "none", "finder"),
}


def _class_terms(logits: Tensor, target: Tensor, weight: Tensor) -> Terms:
    return ((F.cross_entropy(logits.float(), target, reduction="sum"), weight.sum()),)


CLASSES = Loss(_class_terms, "none", "classifier")
"""Cross-entropy of logits (B, classes) with targets of the same shape, which sum to 1; the mean over the images."""
