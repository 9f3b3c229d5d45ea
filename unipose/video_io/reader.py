"""Frames: a video file, a folder of images, a webcam or a stream to upright images, each with its time."""

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

LIVE_CLOCK = Fraction(1, 90_000)  # the time base of frames that are stamped when they arrive
SILENCE = 10.0  # seconds in which a stream must connect, and go on
FOLDER_RATE = Fraction(25)
_AV_SECOND = 1_000_000  # PyAV counts a container's own times in microseconds
_WEBCAM = {"linux": ("v4l2", "/dev/video{}"), "darwin": ("avfoundation", "{}"), "win32": ("dshow", "video={}")}
# By which a folder's videos are known.
VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv")


class EndsEarly(ValueError):
    """The file stops before its own end, or cannot be read further. What came before is sound."""


@dataclass(frozen=True, eq=False)
class Frame:
    """image (H, W, 3), upright; `index` from 0; `pts` in units of the video's time base, growing with every frame."""

    image: RGB
    index: int
    pts: int
    time: float
    """Seconds since the video's start."""


@dataclass(frozen=True)
class Video:
    """An opened source. `frames` may be iterated once; `total` is how many it is said to have, if it says so.

    A `live` one goes on by itself: frames that are not read in time are lost, and the time is that of their arrival.
    `sound` is the file that holds the sound, if there can be any, and `origin` the seconds at which its times begin.
    """

    frames: Iterator[Frame]
    rate: Fraction
    time_base: Fraction
    total: int | None = None
    live: bool = False
    sound: Path | None = None
    origin: float = 0.0


@contextmanager
def open_video(source: str, rate: Fraction | None = None, patience: float = 60.0) -> Iterator[Video]:
    """Open a file, a folder of images, a webcam ("0") or a stream (an address with "://").

    `rate`: of a folder, in frames per second. `patience`: seconds without a frame after which a stream is given up.
    Raises FileNotFoundError, and ValueError where there is no video in it. Iterating raises EndsEarly where a file
    breaks off, and ConnectionError where a stream is given up.
    """
    with ExitStack() as stack:
        if Path(source).is_dir():
            yield _folder(Path(source), rate or FOLDER_RATE)
        elif source.isdecimal() or "://" in source:
            container = stack.enter_context(_connect(source))
            if source.isdecimal() or container.duration is None:
                rate = _rate(container)
                stack.close()  # it is opened again by who reads it
                live = _live(source, patience)
                stack.enter_context(closing(live))
                yield Video(live, rate, LIVE_CLOCK, live=True)
            else:  # a file behind an address: nothing of it is lost
                yield _file(container, None)
        elif not Path(source).exists():
            raise FileNotFoundError(f"no file or folder {source}")
        else:
            yield _file(stack.enter_context(_open(source)), Path(source))


def _open(source: str, **options: Any) -> av.container.InputContainer:
    """Raises ValueError for what is no video, or holds none."""
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
    return _open(source, timeout=SILENCE, options=options)


def _rate(container: av.container.InputContainer) -> Fraction:
    stream = container.streams.video[0]
    return stream.average_rate or stream.guessed_rate or FOLDER_RATE


def _file(container: av.container.InputContainer, sound: Path | None) -> Video:
    stream = container.streams.video[0]
    assert stream.time_base is not None
    total = stream.frames or (round(container.duration / _AV_SECOND * _rate(container)) if container.duration else None)
    origin = (container.start_time or 0) / _AV_SECOND
    return Video(
        _decode(container, origin), _rate(container), stream.time_base, total,
        sound=sound if container.streams.audio else None, origin=origin,
    )  # fmt: skip


def _decode(container: av.container.InputContainer, origin: float) -> Iterator[Frame]:
    """Every frame of a file in order; pictures too damaged to be decoded are left out, and told at the end."""
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
            pictures = packet.decode()
        except av.error.InvalidDataError:  # FFmpeg goes on behind it, and so do we
            damaged += 1
            continue
        except av.error.FFmpegError as error:
            raise EndsEarly(f"cannot be read further than frame {index}: {error.strerror}") from error
        for picture in pictures:
            pts = round(index * step) if picture.pts is None else picture.pts - first
            pts = pts if last is None else max(pts, last + 1)  # broken files have times that stand or go back
            yield Frame(_upright(picture), index, pts, float(pts * unit))
            last, index = pts, index + 1
    if damaged:
        raise EndsEarly(f"{damaged} damaged pieces were left out; {index} frames could be read")
    if stream.frames and index < stream.frames:
        raise EndsEarly(f"it breaks off after frame {index} of {stream.frames}")
    seconds, end = (container.duration or 0) / _AV_SECOND, float((last or 0) * unit)
    if not stream.frames and not container.streams.audio and end < seconds - 0.5:  # sound may be longer than pictures
        raise EndsEarly(f"it breaks off after {end:.1f} of {seconds:.1f} s, {index} frames")


def _upright(picture: av.VideoFrame) -> RGB:
    """As a player shows it: turned by what the file says of the camera's position."""
    image = picture.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
    turns = round(picture.rotation / 90) % 4  # counter-clockwise, as numpy's
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def _folder(folder: Path, rate: Fraction) -> Video:
    paths = images_in(folder)
    frames = (Frame(read_image(path), i, i, float(i / rate)) for i, path in enumerate(paths))
    return Video(frames, rate, 1 / rate, len(paths))


def _live(source: str, patience: float) -> Generator[Frame, None, None]:
    """A stream's frames as they arrive, connected again, after longer and longer pauses, whenever it breaks off."""
    began = heard = time.monotonic()
    index, last, pause = 0, -1, 0.5
    while True:
        reason = "it ended"
        try:
            with _connect(source) as container:
                for picture in container.decode(video=0):
                    heard, pause = time.monotonic(), 0.5
                    last = max(last + 1, int((heard - began) / LIVE_CLOCK))
                    yield Frame(_upright(picture), index, last, float(last * LIVE_CLOCK))
                    index += 1
        except (av.error.FFmpegError, ValueError) as error:
            reason = str(error)
        if time.monotonic() - heard + pause > patience:
            raise ConnectionError(f"{source}: no frame for {time.monotonic() - heard:.0f} s; the last reason: {reason}")
        log.warning("%s: %s; connecting again in %.1f s", source, reason, pause)
        time.sleep(pause)
        pause = min(2 * pause, 15.0)
