"""A video from frames to results: its people tracked, drawn into a new video and written as lines."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from rich.console import Console

from unipose.core.choice import choose
from unipose.core.draw import draw_poses
from unipose.core.pose import Pose
from unipose.core.pose_formats import POSE_FORMATS
from unipose.core.skeleton import Skeleton
from unipose.inference.predictor import Predictor
from unipose.pipelines.lines import LinesWriter
from unipose.pipelines.options import VideoOptions
from unipose.pipelines.progress import progress
from unipose.tracking.one_euro import DEFAULT_SMOOTHING
from unipose.tracking.pose_tracker import PoseTracker
from unipose.video_io.prefetch import BackgroundWriter, Prefetcher
from unipose.video_io.video import Frame, Video
from unipose.video_io.writer import VideoWriter

BATCH_BYTES = 64 * 2**20  # of the images of a batch; about four batches of them are held at any time

FramePoses = tuple[Frame, list[Pose]]


@dataclass(frozen=True)
class VideoOutput:
    """What is written of a video: `video`, a file with the poses drawn, and `lines`, the poses in a file or stream."""

    video: Path | None = None
    lines: Path | TextIO | None = None


@dataclass
class VideoProgress:
    """What has been written so far."""

    frames: int = 0
    people: set[int | None] = field(default_factory=set)

    def __str__(self) -> str:
        return f"{self.frames} frames written, people with {len(self.people)} ids in them"


def open_tracker(predictor: Predictor, options: VideoOptions) -> PoseTracker:
    """Raises ValueError for options that cannot be, a format that cannot hold the model's skeleton too."""
    choose(POSE_FORMATS, options.format, "format").check(predictor.spec.skeleton)
    return PoseTracker(
        predictor, smoothing=DEFAULT_SMOOTHING if options.smooth else None, detect_every=options.detect_every,
        max_people=options.max_people, memory=options.memory,
    )  # fmt: skip


def track_video(
    predictor: Predictor,
    video: Video,
    output: VideoOutput,
    options: VideoOptions | None = None,
    console: Console | None = None,
    written: VideoProgress | None = None,
) -> VideoProgress:
    """Track a video's people and write `output` -> what was written, also kept in `written` while it goes on.

    Reading, estimating and writing overlap. Whatever ends it, an error too, leaves complete what was written up to
    there. `console`: where the progress is shown.
    """
    options, written = options or VideoOptions(), written or VideoProgress()
    tracker = open_tracker(predictor, options)
    with ExitStack() as stack:
        write = stack.enter_context(_open_output(output, options, video, predictor.spec.skeleton, written))
        size = 1 if video.live else options.batch
        read = stack.enter_context(Prefetcher(batches(video.frames, size), 1, video.live))
        writer = stack.enter_context(BackgroundWriter(write, size))
        advance = stack.enter_context(progress(console or Console(quiet=True), "frames", video.total))
        for frames in read:
            poses = tracker([frame.image for frame in frames], [frame.time for frame in frames])
            for frame_poses in zip(frames, poses, strict=True):
                writer.put(frame_poses)
            advance(len(frames))
    return written


@contextmanager
def _open_output(
    output: VideoOutput, options: VideoOptions, video: Video, skeleton: Skeleton, written: VideoProgress
) -> Iterator[Callable[[FramePoses], None]]:
    """A function that writes a frame into the video and the lines; leaving the context completes both."""
    form = POSE_FORMATS[options.format]
    with ExitStack() as stack:
        writer: VideoWriter | None = None
        if output.video:
            audio = video.audio if options.sound else None
            writer = stack.enter_context(VideoWriter(output.video, video.rate, video.time_base, audio))
        lines = stack.enter_context(LinesWriter(output.lines, form.header)) if output.lines else None

        def write(frame_poses: FramePoses) -> None:
            frame, poses = frame_poses
            if writer:
                writer.write(draw_poses(frame.image, poses, skeleton), frame.pts, frame.pixel_aspect)
            if lines:
                lines.write(form.lines(frame.index, frame.time, poses, skeleton))
            written.frames += 1
            written.people |= {pose.track_id for pose in poses}

        yield write


def batches(frames: Iterable[Frame], size: int) -> Iterator[Sequence[Frame]]:
    """Up to `size` frames at a time, and fewer where their images would take more than BATCH_BYTES.

    What `frames` raises is raised after the last frame before it.
    """
    batch: list[Frame] = []
    held, fault = 0, None
    try:
        for frame in frames:
            batch.append(frame)
            held += frame.image.nbytes
            if len(batch) == size or held + frame.image.nbytes > BATCH_BYTES:  # the next is as large, most probably
                yield batch
                batch, held = [], 0
    except Exception as error:
        fault = error
    if batch:
        yield batch
    if fault:
        raise fault


class ConsoleHandler(logging.Handler):
    """Log messages as lines, above a progress bar where there is one."""

    def __init__(self, console: Console):
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        line = f"{record.levelname.lower()}: {record.getMessage()}"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
