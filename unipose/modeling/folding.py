"""Folding: batch normalisation as part of the convolution before it, for networks that are no longer trained."""

from copy import deepcopy
from itertools import pairwise

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_norms(network: nn.Module) -> nn.Module:
    """A copy in evaluation mode, in which no batch norm that directly follows a convolution is left.

    These are neighbours in a Sequential; a convolution that is used elsewhere too keeps its norm apart.
    """
    folded = deepcopy(network).eval()
    rows = [module for module in folded.modules() if isinstance(module, nn.Sequential)]
    uses = [id(child) for module in folded.modules() for child in module._modules.values()]
    for row in rows:
        for (first, conv), (second, norm) in pairwise(list(row.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and uses.count(id(conv)) == 1:
                row._modules[first] = fuse_conv_bn_eval(conv, norm)
                row._modules[second] = nn.Identity()
    return folded
