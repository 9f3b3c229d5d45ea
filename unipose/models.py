"""`unipose models`: parameters and GMAC of UniPose on each trunk of the zoo; trunks for 32x32 images as classifiers."""

from collections.abc import Sequence
from typing import Any

import torch

from unipose.cli import exit_status
from unipose.core.arguments import Parser, size
from unipose.core.choice import choose
from unipose.core.ranges import within
from unipose.modeling.classifier import Classifier
from unipose.modeling.flops import count_macs, count_parameters
from unipose.modeling.trunk import ZOO, Row, Trunk
from unipose.modeling.unipose import LOW_STRIDE, UniPose

SMALL_WH, SMALL_CLASSES = (32, 32), 10


def table_row(
    row: Row,
    *,
    size_wh: tuple[int, int],
    keypoints: int,
    output_stride: int,
    decoder_stride: int,
    wasp_channels: int,
    decoder_channels: int,
) -> str:
    """The cells behind a trunk's name."""
    network: UniPose | Classifier
    with torch.device("meta"):
        if row.strides[0] == LOW_STRIDE:
            network = UniPose(
                Trunk(row, output_stride),
                keypoints,
                wasp_channels=wasp_channels,
                decoder_stride=decoder_stride,
                decoder_channels=decoder_channels,
            )
            macs, maps = count_macs(network, size_wh)
            output = f"{maps.shape[3]}x{maps.shape[2]}"
        else:
            network = Classifier(row, SMALL_CLASSES)
            macs, logits = count_macs(network, SMALL_WH)
            output = f"{logits.shape[1]} classes"
    own, whole = count_parameters(network.trunk), count_parameters(network)
    return f"{own / 1e6:7.2f} {whole / 1e6:7.2f} {macs / 1e9:7.2f}  {output}"


def main(argv: list[str] | None = None) -> int:
    parser = Parser(prog="unipose models", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="trunks to list (default: all)")
    parser.add_argument(
        "--size", dest="size_wh", type=size, default=(192, 256), metavar="WIDTHxHEIGHT", help="(default: 192x256)"
    )
    parser.add_argument("--keypoints", type=int, default=17, metavar="K", help="(default: %(default)s)")
    parser.add_argument("--output-stride", type=int, default=16, choices=(8, 16, 32), help="(default: %(default)s)")
    parser.add_argument("--decoder-stride", type=int, default=8, choices=(4, 8), help="(default: %(default)s)")
    parser.add_argument("--wasp-channels", type=int, default=256, metavar="C", help="(default: %(default)s)")
    parser.add_argument("--decoder-channels", type=int, default=256, metavar="C", help="(default: %(default)s)")
    options = vars(parser.parse_args(argv))
    return exit_status(lambda: print_zoo(options.pop("names") or list(ZOO), **options))


def print_zoo(names: Sequence[str], **options: Any) -> None:
    """A line for each trunk; `options` are `table_row`'s. Raises ValueError for names and numbers that cannot be."""
    for name in names:
        choose(ZOO, name, "trunk")
    for key in ("keypoints", "wasp_channels", "decoder_channels"):
        within(f"--{key.replace('_', '-')}", options[key], 1)
    print(f"{'trunk':<36} {'its M':>7} {'M':>7} {'GMAC':>7}  maps")
    for name in names:
        print(f"{name:<36} {table_row(ZOO[name], **options)}")


if __name__ == "__main__":
    raise SystemExit(main())
