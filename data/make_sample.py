"""Draw a synthetic set: python data/make_sample.py --out DIR -> DIR/images, train.json, test.json."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from source import run_script

from unipose.core.arguments import Parser
from unipose.datasets.synthetic.clips import draw_clips
from unipose.datasets.synthetic.images import FIGURES, draw_sample


def prepare(args: argparse.Namespace) -> str:
    size_wh = (args.width, args.height)
    if args.frames is None:
        train, test = draw_sample(args.out, args.count, args.seed, size_wh, args.figures, args.force)
        return f"{args.count} images -> {train} and {test}"
    train, test = draw_clips(args.out, args.count, args.frames, args.seed, size_wh, args.occluders, args.force)
    return f"{args.count} clips of {args.frames} frames -> {train} and {test}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = Parser(description="Draw figures on cluttered backgrounds as COCO-keypoint JSON")
    parser.add_argument("--out", type=Path, required=True, help="folder for images/, train.json and test.json")
    parser.add_argument("--count", type=int, default=1500, help="images, or clips; the last fifth becomes test.json")
    parser.add_argument(
        "--figures", type=int, nargs="+", default=FIGURES, metavar="N",
        help=f"of images: figures in one after another, over and over (default {' '.join(map(str, FIGURES))})",
    )  # fmt: skip
    parser.add_argument("--frames", type=int, help="draw clips of moving figures with this many frames, not images")
    parser.add_argument("--occluders", type=float, default=3.0, help="of clips: average number of occluders per second")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--height", type=int, default=160)
    return run_script(prepare, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
