"""The size of a network: parameters and multiply-accumulates."""

from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def count_macs(network: nn.Module, size_wh: tuple[int, int]) -> tuple[int, Any]:
    """-> the multiply-accumulates of one image, and the network's output, on the device the network is on."""
    width, height = size_wh
    device = next(network.parameters()).device
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        output = network.eval()(torch.zeros(1, 3, height, width, device=device))
    return counter.get_total_flops() // 2, output
