from copy import deepcopy

import pytest
import torch
from torch import nn

from unipose.modeling.folding import fold_norms
from unipose.modeling.trunk import ZOO, Trunk
from unipose.modeling.unipose import UniPose


def norms(network):
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def trained(network):
    """With the statistics and weights of norms as a training leaves them: none is 0 or 1."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(std=0.2)
                for tensor in (module.running_var, module.weight):
                    tensor.uniform_(0.5, 1.5)
                module.bias.normal_(std=0.2)
    return network.eval()


@pytest.mark.parametrize(
    ("trunk", "left"), [("res2net_s", 0), ("resnet18", 0), ("resnetv2_18_full_preact", 9), ("ho_midpoint_34", None)]
)
def test_the_network_stays_the_same_with_fewer_norms(trunk, left):
    torch.manual_seed(0)
    network = trained(UniPose(Trunk(ZOO[trunk], 16), 14))
    images = torch.randn(2, 3, 64, 96)
    before = deepcopy(network.state_dict())
    folded = fold_norms(network)
    assert norms(folded) < norms(network) and (left is None or norms(folded) == left)
    with torch.inference_mode():
        expected = network(images)
        torch.testing.assert_close(folded(images), expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_a_convolution_with_two_uses_keeps_its_norm_apart():
    shared = nn.Conv2d(3, 3, 1)
    network = trained(nn.Sequential(nn.Sequential(shared, nn.BatchNorm2d(3)), nn.Sequential(shared, nn.ReLU())))
    assert norms(fold_norms(network)) == 1
    images = torch.randn(1, 3, 4, 6)
    torch.testing.assert_close(fold_norms(network)(images), network(images))
