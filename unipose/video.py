"""`unipose video IN [-o OUT.mp4] [--json OUT.jsonl]`: a video's people, tracked and drawn; their joints as lines."""

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from rich.console import Console

from unipose.cli import INTERRUPTED, exit_status, refuse
from unipose.core.arguments import Parser
from unipose.core.files import refuse_overwrite
from unipose.core.folders import images_in
from unipose.core.pose_formats import holds_poses
from unipose.core.ranges import within
from unipose.pipelines.options import (
    PredictorOptions,
    VideoOptions,
    add_force,
    add_predictor_options,
    add_video_options,
    read_options,
)
from unipose.pipelines.video import ConsoleHandler, VideoOutput, VideoProgress, track_video
from unipose.video_io.reader import open_video
from unipose.video_io.video import IncompleteVideo, check_rate
from unipose.video_io.writer import is_result


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    console = Console(stderr=True)
    logging.basicConfig(level="WARNING", handlers=[ConsoleHandler(console)])
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends in good order, as by Ctrl-C
    return exit_status(lambda: _run(arguments, console))


def _parser() -> Parser:
    parser = Parser(prog="unipose video", description=__doc__)
    parser.add_argument("source", metavar="IN", help="a file, a folder of images, a webcam's number, or an address")
    parser.add_argument("-o", "--out", type=Path, help="the video to write: .mp4, .mov, .mkv or .webm")
    parser.add_argument("--json", metavar="OUT", help="the joints, line by line; - for the standard output")
    add_predictor_options(parser)
    add_video_options(parser)
    add_force(parser)
    parser.add_argument("--rate", type=Fraction, help="frames per second of images (default 25)")
    parser.add_argument(
        "--patience", type=float, default=60.0, help="seconds without a frame after which a stream is given up"
    )
    return parser


def check_outputs(source: str, files: Sequence[Path], output: VideoOutput, force: bool) -> None:
    """Raises ValueError where writing would cost somebody a file, or its folder is missing.

    `files`: those that are read beside the source.
    """
    given = Path(source)
    inputs = images_in(given) if given.is_dir() else [given]
    outputs = [path for path in (output.video, output.lines) if isinstance(path, Path)]
    for path in outputs:
        if not path.parent.is_dir():
            raise ValueError(f"{path}: there is no folder {path.parent}; make it first")
    own = {output.video: is_result, output.lines: holds_poses}
    refuse_overwrite(outputs, [*inputs, *files], lambda path: own[path](path), force)


def _run(arguments: argparse.Namespace, console: Console) -> int:
    source, out = arguments.source, arguments.out
    if not out and not arguments.json:
        raise ValueError("say what to write: -o OUT.mp4, --json OUT.jsonl, or both")
    within("--patience", arguments.patience, 0)
    if arguments.rate is not None:
        check_rate(arguments.rate)
    lines = sys.stdout if arguments.json == "-" else Path(arguments.json) if arguments.json else None
    options, model = read_options(VideoOptions, arguments), read_options(PredictorOptions, arguments)
    check_outputs(source, model.files, VideoOutput(out, lines), arguments.force)
    written = VideoProgress()
    try:
        predictor = model.load()
        with open_video(source, arguments.rate, arguments.patience) as video:
            track_video(predictor, video, VideoOutput(out, lines), options, console, written)
    except BrokenPipeError:  # of the standard output
        raise
    except (IncompleteVideo, ConnectionError) as error:
        refuse(ValueError(f"{source}: {error}; {written}"))
        return 1
    except KeyboardInterrupt:
        print(f"interrupted: {written}", file=sys.stderr)
        return INTERRUPTED
    print(f"{source}: {written}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
