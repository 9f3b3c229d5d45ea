"""The loss between a finder's five maps (core/box_maps.py) and the boxes they should say."""

import torch
from torch import Tensor
from torch.nn import functional as F

from unipose.core.box_maps import MAX_LOG_DISTANCE

EDGES = 5.0  # weight of the boxes' edges against their centres
PEAK = 0.999  # of a centre's Gaussian, from which a cell is the centre


def box_sums(maps: Tensor, target: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
    """Focal loss of the centres and weighted GIoU loss of the edges, over all samples.

    maps (B, 5, h, w); target (B, 5, h, w): centre and edges_xyxy of a `BoxTarget`; weight (B, 2, h, w): its `counted`
    and `weight`.
    """
    maps = maps.float()
    centre, counted, owned = target[:, 0], weight[:, 0], weight[:, 1]
    edges = EDGES * (1 - giou(edges_of(maps[:, 1:]), target[:, 1:]))
    return (focal(maps[:, 0], centre) * counted).sum(), (edges * owned).sum()


def box_counts(target: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
    """What divides `box_sums`: the number of centres, and the edges' weights."""
    return (target[:, 0] > PEAK).sum().float(), weight[:, 1].sum()


def focal(logit: Tensor, centre: Tensor) -> Tensor:
    """Penalty-reduced focal loss of each cell (Law and Deng, CornerNet, 2018; its alpha is 2, its beta 4)."""
    p = logit.sigmoid()
    found = (1 - p).square() * F.softplus(-logit)
    elsewhere = (1 - centre).pow(4) * p.square() * F.softplus(logit)
    return torch.where(centre > PEAK, found, elsewhere)


def edges_of(distances: Tensor) -> Tensor:
    """Logarithms of the distances to the four edges (B, 4, h, w) -> the edges x1, y1, x2, y2, in cells."""
    height, width = distances.shape[-2:]
    x = torch.arange(width, device=distances.device) + 0.5
    y = torch.arange(height, device=distances.device)[:, None] + 0.5
    left, top, right, bottom = distances.clamp(-MAX_LOG_DISTANCE, MAX_LOG_DISTANCE).exp().unbind(1)
    return torch.stack([x - left, y - top, x + right, y + bottom], 1)


def giou(a: Tensor, b: Tensor) -> Tensor:
    """Generalized intersection over union (Rezatofighi et al. 2019) of edges (B, 4, h, w) twice -> (B, h, w)."""
    a1, a2, b1, b2 = a[:, :2], a[:, 2:], b[:, :2], b[:, 2:]
    shared = (torch.minimum(a2, b2) - torch.maximum(a1, b1)).clamp_min(0).prod(1)
    hull = (torch.maximum(a2, b2) - torch.minimum(a1, b1)).prod(1).clamp_min(1e-6)
    union = ((a2 - a1).prod(1) + (b2 - b1).prod(1) - shared).clamp_min(1e-6)
    return shared / union - (hull - union) / hull
