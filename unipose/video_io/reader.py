"""Video reading: a file, a folder of images, a webcam or a network stream as upright, timestamped frames."""

import logging
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from unipose.core.image import images_in, read_image
from unipose.core.types import RGB

log = logging.getLogger(__name__)

LIVE_TIME_BASE = Fraction(1, 90_000)  # of frames that are timestamped on arrival
STREAM_TIMEOUT = 10.0  # seconds for a stream to connect, and between its packets
FOLDER_RATE = Fraction(25)
_AV_TIME_BASE = 1_000_000  # FFmpeg gives a container's times in microseconds
_WEBCAM = {"linux": ("v4l2", "/dev/video{}"), "darwin": ("avfoundation", "{}"), "win32": ("dshow", "video={}")}
# Of the video files in a folder.
VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv")


class IncompleteVideo(ValueError):
    """A file that ends early or is partly damaged; raised after all frames that can be read."""


@dataclass(frozen=True, eq=False)
class Frame:
    """image (H, W, 3), upright; `index` from 0; `pts`, strictly increasing, in units of the video's time base."""

    image: RGB
    index: int
    pts: int
    time: float
    """Seconds since the video's start."""


@dataclass(frozen=True)
class Video:
    """An opened source. `frames` can be iterated once; `total` is their number as the source states it, or None.

    From a `live` source, frames that are not read in time are lost; they are timestamped on arrival. `audio` is the
    file with the audio, where there is any; its timestamps begin at `origin` seconds.
    """

    frames: Iterator[Frame]
    rate: Fraction
    time_base: Fraction
    total: int | None = None
    live: bool = False
    audio: Path | None = None
    origin: float = 0.0


@contextmanager
def open_video(source: str, rate: Fraction | None = None, patience: float = 60.0) -> Iterator[Video]:
    """Open a file, a folder of images, a webcam ("0") or a stream (a URL with "://").

    `rate`: frames per second of a folder. `patience`: seconds without a frame after which a stream is given up.
    Raises FileNotFoundError, and ValueError for a source without video. Iterating over the frames raises
    IncompleteVideo at the end of a truncated or damaged file, ConnectionError when a stream is given up.
    """
    with ExitStack() as stack:
        if Path(source).is_dir():
            yield _folder(Path(source), rate or FOLDER_RATE)
        elif source.isdecimal() or "://" in source:
            container = stack.enter_context(_connect(source))
            if source.isdecimal() or container.duration is None:
                rate = _rate(container)
                stack.close()  # `_live` opens it again
                live = _live(source, patience)
                stack.enter_context(closing(live))
                yield Video(live, rate, LIVE_TIME_BASE, live=True)
            else:  # a file behind a URL, of which every frame is read
                yield _file(container, None)
        elif not Path(source).exists():
            raise FileNotFoundError(f"no file or folder {source}")
        else:
            yield _file(stack.enter_context(_open(source)), Path(source))


def _open(source: str, **options: Any) -> av.container.InputContainer:
    """Raises ValueError for a source that is not a video, or has no video stream."""
    try:
        container: av.container.InputContainer = av.open(source, **options)
    except av.error.FFmpegError as error:
        raise ValueError(f"{source} cannot be read as a video: {error.strerror}") from error
    if not container.streams.video:
        kinds = ", ".join(stream.type for stream in container.streams)
        container.close()
        raise ValueError(f"{source} has no pictures in it, only {kinds or 'nothing'}")
    return container


def _connect(source: str) -> av.container.InputContainer:
    if source.isdecimal():
        kind, pattern = _WEBCAM[sys.platform]
        return _open(pattern.format(source), format=kind)
    options = {"rtsp_transport": "tcp"} if source.startswith("rtsp") else {}
    return _open(source, timeout=STREAM_TIMEOUT, options=options)


def _rate(container: av.container.InputContainer) -> Fraction:
    stream = container.streams.video[0]
    return stream.average_rate or stream.guessed_rate or FOLDER_RATE


def _file(container: av.container.InputContainer, path: Path | None) -> Video:
    stream = container.streams.video[0]
    assert stream.time_base is not None
    estimate = round(container.duration / _AV_TIME_BASE * _rate(container)) if container.duration else None
    origin = (container.start_time or 0) / _AV_TIME_BASE
    return Video(
        _decode(container, origin), _rate(container), stream.time_base, total=stream.frames or estimate,
        audio=path if container.streams.audio else None, origin=origin,
    )  # fmt: skip


def _decode(container: av.container.InputContainer, origin: float) -> Iterator[Frame]:
    """Every frame of a file in order; packets too damaged to be decoded are skipped, and reported at the end."""
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    assert stream.time_base is not None
    unit, step = stream.time_base, 1 / (_rate(container) * stream.time_base)
    first, last, index, damaged = round(Fraction(origin) / unit), None, 0, 0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                break
            decoded = packet.decode()
        except av.error.InvalidDataError:  # FFmpeg can decode what follows
            damaged += 1
            continue
        except av.error.FFmpegError as error:
            raise IncompleteVideo(f"cannot be read further than frame {index}: {error.strerror}") from error
        for frame in decoded:
            pts = round(index * step) if frame.pts is None else frame.pts - first
            pts = pts if last is None else max(pts, last + 1)  # in broken files timestamps may repeat or go back
            yield Frame(_upright(frame), index, pts, float(pts * unit))
            last, index = pts, index + 1
    if damaged:
        raise IncompleteVideo(f"{damaged} damaged pieces were left out; {index} frames could be read")
    if stream.frames and index < stream.frames:
        raise IncompleteVideo(f"it breaks off after frame {index} of {stream.frames}")
    seconds, end = (container.duration or 0) / _AV_TIME_BASE, float((last or 0) * unit)
    if not stream.frames and not container.streams.audio and end < seconds - 0.5:  # audio may outlast the video
        raise IncompleteVideo(f"it breaks off after {end:.1f} of {seconds:.1f} s, {index} frames")


def _upright(frame: av.VideoFrame) -> RGB:
    """The frame as a player shows it, with the file's display rotation applied."""
    image = frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
    turns = round(frame.rotation / 90) % 4  # counter-clockwise, as for np.rot90
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def _folder(folder: Path, rate: Fraction) -> Video:
    paths = images_in(folder)
    frames = (Frame(read_image(path), i, i, float(i / rate)) for i, path in enumerate(paths))
    return Video(frames, rate, 1 / rate, len(paths))


def _live(source: str, patience: float) -> Generator[Frame, None, None]:
    """A stream's frames as they arrive; reconnects after increasing pauses whenever the connection is lost."""
    start = received = time.monotonic()
    index, last, pause = 0, -1, 0.5
    while True:
        reason = "it ended"
        try:
            with _connect(source) as container:
                for frame in container.decode(video=0):
                    received, pause = time.monotonic(), 0.5
                    last = max(last + 1, int((received - start) / LIVE_TIME_BASE))
                    yield Frame(_upright(frame), index, last, float(last * LIVE_TIME_BASE))
                    index += 1
        except (av.error.FFmpegError, ValueError) as error:
            reason = str(error)
        silence = time.monotonic() - received
        if silence + pause > patience:
            raise ConnectionError(f"{source}: no frame for {silence:.0f} s; the last reason: {reason}")
        log.warning("%s: %s; connecting again in %.1f s", source, reason, pause)
        time.sleep(pause)
        pause = min(2 * pause, 15.0)
