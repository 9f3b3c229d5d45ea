"""Footage: a video's people followed, its pictures drawn and its lines written, as a command line says."""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from unipose.core.draw import draw_poses
from unipose.core.pose import Pose
from unipose.core.skeleton import Skeleton
from unipose.inference.predictor import Predictor
from unipose.tracking.one_euro import OneEuro
from unipose.tracking.pose_tracker import Follower
from unipose.tracking.tracker import Tracker
from unipose.video_io.pose_lines import FORMS
from unipose.video_io.prefetch import Ahead, Behind
from unipose.video_io.reader import Frame, Video
from unipose.video_io.writer import VideoWriter

BATCH_BYTES = 64 * 2**20  # of the pictures of a batch; about four batches of them are held at any time

Done = tuple[Frame, list[Pose]]


@dataclass
class Counts:
    """What has been written so far."""

    frames: int = 0
    people: set[int | None] = field(default_factory=set)

    def __str__(self) -> str:
        return f"{self.frames} frames written, people with {len(self.people)} ids in them"


def add_footage_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=tuple(FORMS), default="native", help="of the lines (default native)")
    parser.add_argument(
        "--detect-every", type=int, default=8, metavar="N",
        help="frames from one detection to the next; between them people are looked for where they were (default 8)",
    )  # fmt: skip
    parser.add_argument("--batch", type=int, default=4, metavar="N", help="frames looked at together (default 4)")
    parser.add_argument("--max-people", type=int, metavar="N", help="detected in a frame, the best first")
    parser.add_argument("--min-score", type=float, default=0.2, help="the least score of a person (default 0.2)")
    parser.add_argument(
        "--memory", type=float, default=1.0, help="seconds out of sight that an id outlives (default 1)"
    )
    parser.add_argument("--no-smooth", action="store_true", help="each frame's joints by themselves")
    parser.add_argument("--no-sound", action="store_true", help="leave the sound out")


def open_follower(predictor: Predictor, arguments: argparse.Namespace) -> Follower:
    """Raises ValueError for options that cannot be."""
    if arguments.batch < 1:
        raise ValueError(f"--batch is a number of frames from 1 up, got {arguments.batch}")
    tracker = Tracker(predictor.spec.skeleton, arguments.memory, arguments.min_score)
    smoother = None if arguments.no_smooth else OneEuro()
    return Follower(predictor, tracker, smoother, arguments.detect_every, arguments.max_people)


def follow_video(
    predictor: Predictor, video: Video, arguments: argparse.Namespace, console: Console, counts: Counts
) -> None:
    """The whole way: frames -> people followed -> lines and pictures. Left anywhere, it finishes what was written.

    `arguments`: those of `add_footage_options`, and `out` and `json`, the files to write, or None.
    """
    follower = open_follower(predictor, arguments)
    with ExitStack() as stack:
        write = stack.enter_context(output(arguments, video, predictor.spec.skeleton, counts))
        size = 1 if video.live else arguments.batch
        ahead = stack.enter_context(Ahead(batches(video.frames, size), 1, video.live))
        behind = stack.enter_context(Behind(write, size))
        progress = stack.enter_context(progress_bar(console, "frames/s"))
        task = progress.add_task("", total=video.total)
        for batch in ahead:
            poses = follower([frame.image for frame in batch], [frame.time for frame in batch])
            for done in zip(batch, poses, strict=True):
                behind.put(done)
            progress.advance(task, len(batch))


@contextmanager
def output(
    arguments: argparse.Namespace, video: Video, skeleton: Skeleton, counts: Counts
) -> Iterator[Callable[[Done], None]]:
    """What writes a frame into the video and the lines of one run; leaving the context finishes both."""
    form = FORMS[arguments.format]
    with ExitStack() as stack:
        writer: VideoWriter | None = None
        lines: TextIO | None = None
        if arguments.out:
            sound = None if arguments.no_sound else video.sound
            writer = stack.enter_context(VideoWriter(arguments.out, video.rate, video.time_base, sound, video.origin))
        if arguments.json == "-":
            lines = sys.stdout
        elif arguments.json:
            lines = stack.enter_context(open(arguments.json, "w", encoding="utf-8", newline="\n"))
        if lines and form.header:
            print(form.header, file=lines)

        def write(done: Done) -> None:
            frame, poses = done
            if writer:
                writer.write(draw_poses(frame.image, poses, skeleton), frame.pts)
            if lines:
                written = form.write(frame.index, frame.time, poses, skeleton)
                lines.writelines(f"{line}\n" for line in written)
                lines.flush()
            counts.frames += 1
            counts.people |= {pose.track_id for pose in poses}

        yield write


def batches(frames: Iterable[Frame], size: int) -> Iterator[Sequence[Frame]]:
    """Up to `size` frames at a time, and fewer where their pictures would take more than BATCH_BYTES."""
    rest = iter(frames)
    for first in rest:
        fitting = max(1, BATCH_BYTES // first.image.nbytes)
        yield [first, *islice(rest, min(size, fitting) - 1)]


class Pace(ProgressColumn):
    """How many a second."""

    def __init__(self, unit: str):
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f} {self._unit}" if task.speed else "")


def progress_bar(console: Console, unit: str) -> Progress:
    columns = (BarColumn(), MofNCompleteColumn(), Pace(unit), TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)
