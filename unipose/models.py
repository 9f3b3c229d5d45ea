"""`unipose models`: size and cost of UniPose on every trunk of the zoo."""

import argparse

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from unipose.model.network import UniPose
from unipose.model.trunk import ZOO, Trunk


def cost(network: nn.Module, size_wh: tuple[int, int]) -> tuple[int, int, tuple[int, int]]:
    """-> parameters, multiply-accumulates of one image, and maps (width, height) of a network on the meta device."""
    width, height = size_wh
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        maps = network.eval()(torch.zeros(1, 3, height, width, device="meta"))
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return parameters, counter.get_total_flops() // 2, (maps.shape[3], maps.shape[2])


def size(text: str) -> tuple[int, int]:
    """Parse WIDTHxHEIGHT."""
    width, height = map(int, text.split("x"))
    return width, height


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="unipose models", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="trunks to list (default: all)")
    parser.add_argument("--size", type=size, default=(192, 256), metavar="WIDTHxHEIGHT", help="(default: 192x256)")
    parser.add_argument("--keypoints", type=int, default=17, metavar="K", help="(default: %(default)s)")
    parser.add_argument("--output-stride", type=int, default=16, choices=(8, 16, 32), help="(default: %(default)s)")
    parser.add_argument("--decoder-stride", type=int, default=8, choices=(4, 8), help="(default: %(default)s)")
    parser.add_argument("--wasp-channels", type=int, default=256, metavar="C", help="(default: %(default)s)")
    parser.add_argument("--decoder-channels", type=int, default=256, metavar="C", help="(default: %(default)s)")
    arguments = parser.parse_args(argv)
    for name in arguments.names:
        if name not in ZOO:
            parser.error(f"no trunk {name!r}; choose from {', '.join(ZOO)}")
    print(f"{'trunk':<28} {'its M':>7} {'M':>7} {'GMAC':>7}  maps")
    for name in arguments.names or ZOO:
        with torch.device("meta"):
            trunk = Trunk(ZOO[name], arguments.output_stride)
            network = UniPose(
                trunk,
                arguments.keypoints,
                wasp_channels=arguments.wasp_channels,
                decoder_stride=arguments.decoder_stride,
                decoder_channels=arguments.decoder_channels,
            )
        parameters, macs, (width, height) = cost(network, arguments.size)
        own = sum(parameter.numel() for parameter in trunk.parameters())
        print(f"{name:<28} {own / 1e6:7.2f} {parameters / 1e6:7.2f} {macs / 1e9:7.2f}  {width}x{height}")
    return 0
