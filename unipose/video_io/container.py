"""Containers: a file, webcam or stream opened by FFmpeg, and its one video stream that is looked at."""

import logging
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.format import Flags
from av.stream import Disposition

from unipose.core.file_kinds import image_format, other_kind
from unipose.video_io.timeline import LONGEST_PAUSE, LONGEST_PAUSE_ELSEWHERE, Timeline
from unipose.video_io.video import believed

log = logging.getLogger(__name__)

_IN_ONE_GO = {"seekable": "0"}
_AV_TIME_BASE = 1_000_000  # FFmpeg gives a container's times in microseconds


def open_container(source: str, **options: Any) -> av.container.InputContainer:
    """Open a path or an address. Raises ValueError for what FFmpeg cannot read.

    A file with a damaged end may still be read in one go (`read_in_one_go`), without looking there first.
    """
    path = Path(source)
    # Without its folders, FFmpeg would take a name such as `12:30.mp4` for an address.
    name = str(path.absolute()) if path.is_file() else source
    try:
        return _open(name, **options)
    except av.error.FFmpegError as error:
        if path.is_file():
            with suppress(av.error.FFmpegError):
                return _open(name, options=_IN_ONE_GO, **options)
        raise ValueError(f"{source} cannot be read as a video: {_reason(path, error)}") from error


def _open(name: str, **options: Any) -> av.container.InputContainer:
    container: av.container.InputContainer = av.open(name, metadata_errors="replace", **options)
    return container


def read_in_one_go(container: av.container.InputContainer) -> bool:
    """Whether a file could not be opened in the usual way, as what stands at its end is damaged."""
    return container.options.items() >= _IN_ONE_GO.items()


def _reason(path: Path, error: av.error.FFmpegError) -> str:
    """Why a file is no video, by its first bytes, or else as FFmpeg says it."""
    if not path.is_file():
        return error.strerror or type(error).__name__
    with path.open("rb") as file:
        head = file.read(64)
    kind = "" if image_format(head) else other_kind(head) or ""
    if "video" in kind:  # it begins like one
        return f"{error.strerror}; its index is missing or damaged, as where recording or copying it was cut short"
    return f"it is {kind}" if kind else error.strerror or type(error).__name__


def video_stream(container: av.container.InputContainer, source: str) -> av.VideoStream:
    """The stream that players show: the one that FFmpeg thinks best. Raises ValueError where there is none.

    Cover pictures and thumbnails are no video.
    """
    still = Disposition.attached_pic | Disposition.timed_thumbnails
    streams = [stream for stream in container.streams.video if not stream.disposition & still]
    if not streams:
        covers = ["a cover picture"] if container.streams.video else []
        kinds = [stream.type for stream in container.streams if stream.type != "video"]
        found = ", ".join([*dict.fromkeys(kinds), *covers])
        raise ValueError(f"{source} has no video in it, {f'only {found}' if found else 'nor anything else'}")
    best = container.streams.best("video")
    chosen = next((stream for stream in streams if stream is best), streams[0])
    if chosen.codec_context is None or not chosen.codec_context.is_decoder:
        raise ValueError(f"{source} has video of a codec that cannot be decoded here; convert it to H.264 first")
    if len(streams) > 1:
        log.warning(
            "%s has %d videos in it: the one of %d x %d is taken", source, len(streams), chosen.width, chosen.height
        )
    return chosen


def frame_rate(stream: av.VideoStream) -> Fraction:
    return believed(stream.average_rate or stream.guessed_rate)


def seconds(container: av.container.InputContainer) -> float:
    """How long a file says that it is, or 0."""
    return (container.duration or 0) / _AV_TIME_BASE


def start_of(container: av.container.InputContainer) -> float:
    """When the first of a file's streams begins, in seconds."""
    return (container.start_time or 0) / _AV_TIME_BASE


def stream_timeline(container: av.container.InputContainer, stream: "av.VideoStream | av.AudioStream") -> Timeline:
    """For a stream's timestamps: from the file's start on, which all its streams have in common."""
    assert stream.time_base is not None
    origin = Fraction(container.start_time or 0, _AV_TIME_BASE)
    set_anew = Flags.ts_discont in Flags(container.format.flags)
    pause = LONGEST_PAUSE if set_anew else LONGEST_PAUSE_ELSEWHERE
    return Timeline(round(origin / stream.time_base), round(pause / stream.time_base))
