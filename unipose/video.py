"""`unipose video IN [-o OUT.mp4] [--json OUT.jsonl]`: a video's people, followed and drawn; their joints as lines."""

import argparse
import logging
import signal
import sys
from fractions import Fraction
from pathlib import Path

from rich.console import Console
from rich.logging import RichHandler

from unipose.pipelines.options import INTERRUPTED, add_predictor_options, open_predictor, refused
from unipose.pipelines.video import Counts, add_footage_options, follow_video
from unipose.video_io.reader import EndsEarly, open_video


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    console = Console(stderr=True)
    logging.basicConfig(level="WARNING", format="%(message)s", handlers=[RichHandler(console=console, show_path=False)])
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stopped in good order, as by Ctrl-C
    counts = Counts()
    try:
        run(arguments, console, counts)
    except (EndsEarly, ConnectionError) as error:
        print(f"error: {arguments.source}: {error}; {counts}", file=sys.stderr)
        return 1
    except (ImportError, ValueError, OSError) as error:
        return refused(error)
    except KeyboardInterrupt:
        print(f"interrupted: {counts}", file=sys.stderr)
        return INTERRUPTED
    print(f"{arguments.source}: {counts}", file=sys.stderr)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="unipose video", description=__doc__)
    parser.add_argument("source", metavar="IN", help="a file, a folder of images, a webcam's number, or an address")
    parser.add_argument("-o", "--out", type=Path, help="the video to write: .mp4, .mov, .mkv or .webm")
    parser.add_argument("--json", metavar="OUT", help="the joints, line by line; - for the standard output")
    add_predictor_options(parser)
    add_footage_options(parser)
    parser.add_argument("--rate", type=Fraction, help="frames per second of a folder of images (default 25)")
    parser.add_argument(
        "--patience", type=float, default=60.0, help="seconds without a frame after which a stream is given up"
    )
    return parser


def run(arguments: argparse.Namespace, console: Console, counts: Counts) -> None:
    if not arguments.out and not arguments.json:
        raise ValueError("say what to write: -o OUT.mp4, --json OUT.jsonl, or both")
    if arguments.out and arguments.out.exists() and arguments.out.samefile(arguments.source):
        raise ValueError(f"{arguments.out} would overwrite what it is made from; give it another name")
    predictor = open_predictor(arguments)
    with open_video(arguments.source, arguments.rate, arguments.patience) as video:
        follow_video(predictor, video, arguments, console, counts)


if __name__ == "__main__":
    raise SystemExit(main())
