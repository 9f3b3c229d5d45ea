"""Video files: a body's bytes as frames, within limits, and without FFmpeg looking at anything but these bytes."""

import io
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import av
from fastapi import HTTPException

from serve.http.errors import DamagedFile
from unipose.core.file_kinds import other_kind
from unipose.core.image import ImageTooLarge, NotAnImage
from unipose.video_io.container import video_stream
from unipose.video_io.decoding import Decoding
from unipose.video_io.video import Frame

# FFmpeg's reader by what stands where in a file. It is never left to choose: some of its readers open other files and
# addresses that the file names.
_READERS = ((4, b"ftyp", "mov"), (4, b"moov", "mov"), (0, b"\x1aE\xdf\xa3", "matroska"), (8, b"AVI ", "avi"))
_CODECS = {"h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mjpeg"}
KINDS = "MP4, MOV, WebM, Matroska or AVI"


@dataclass(frozen=True)
class VideoLimits:
    """`max_pixels`: of a frame; the number of frames is known in the end only."""

    max_frames: int
    max_pixels: int


@contextmanager
def open_frames(data: bytes, limits: VideoLimits) -> Iterator[Iterator[Frame]]:
    """The frames of a video file. Raises NotAnImage, ImageTooLarge or HTTPException 422, of which DamagedFile is one,
    also while they are iterated over: for a frame too many, and after the last one of a damaged file.
    """
    reader = next((name for at, mark, name in _READERS if data.startswith(mark, at)), None)
    kind = other_kind(data)
    if reader is None or (kind and "picture" in kind):
        raise NotAnImage(f"the file is not a video ({KINDS}) by its first bytes")
    try:
        container = av.open(io.BytesIO(data), "r", reader, metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise DamagedFile(f"the video is damaged: {error.strerror}") from error
    with closing(container):
        try:
            stream = video_stream(container, "the file")
        except ValueError as error:
            raise HTTPException(422, str(error)) from error
        codec = stream.codec_context
        if codec.codec.canonical_name not in _CODECS:
            raise HTTPException(422, f"the video is {codec.codec.canonical_name}; convert it to H.264 first")
        if stream.width * stream.height > limits.max_pixels:
            raise ImageTooLarge(
                f"the video has {stream.width} x {stream.height} pixels; at most {limits.max_pixels:,} are accepted"
            )
        if stream.frames > limits.max_frames:
            raise _too_many(f"{stream.frames:,}", limits)
        # Of frames that are larger than the file says; decoders count edges that they add, too.
        codec.options = {"max_pixels": str(2 * limits.max_pixels + 100_000)}
        yield _frames(Decoding(stream, "the video", "SLICE"), limits)


def _frames(decoding: Decoding, limits: VideoLimits) -> Iterator[Frame]:
    for frame in decoding:
        if frame.index >= limits.max_frames:
            raise _too_many(f"more than {limits.max_frames:,}", limits)
        yield frame
    if fault := decoding.fault():
        raise DamagedFile(f"the video is damaged: {fault}")


def _too_many(frames: str, limits: VideoLimits) -> ImageTooLarge:
    return ImageTooLarge(
        f"the video has {frames} frames; at most {limits.max_frames:,} are accepted; send a part of it"
    )
