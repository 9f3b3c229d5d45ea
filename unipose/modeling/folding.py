"""Folding: batch normalisation as part of the convolution before it, for networks that are no longer trained."""

from copy import deepcopy
from itertools import pairwise

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from unipose.modeling.blocks import Res2Chain


def fold_norms(network: nn.Module) -> nn.Module:
    """A copy in evaluation mode, in which no batch norm that directly follows a convolution is left.

    These are neighbours in a Sequential or a Res2Chain; a convolution that is used elsewhere too keeps its norm apart.
    """
    folded = deepcopy(network).eval()
    uses = [id(child) for module in folded.modules() for child in module._modules.values()]
    for row in list(folded.modules()):
        followed = pairwise(list(row.named_children())) if isinstance(row, nn.Sequential) else ()
        for (first, conv), (second, norm) in followed:
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and uses.count(id(conv)) == 1:
                row._modules[first] = fuse_conv_bn_eval(conv, norm)
                row._modules[second] = nn.Identity()
        if isinstance(row, Res2Chain):
            for i, (conv, norm) in enumerate(zip(row.convs, row.norms, strict=True)):
                assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
                row.convs[i], row.norms[i] = fuse_conv_bn_eval(conv, norm), nn.Identity()
    return folded
