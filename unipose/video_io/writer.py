"""VideoWriter: timestamped images to a video file, with the audio of another file."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from math import ceil, inf
from pathlib import Path
from types import TracebackType

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from unipose.core.signature import signature
from unipose.core.types import RGB
from unipose.video_io.audio import AudioCopier
from unipose.video_io.container import open_container

_LONGEST_UNIT = Fraction(1, 1000)  # seconds
# The video encoder of each file suffix and its options: fast, of good visual quality.
_H264 = ("libx264", {"preset": "veryfast", "crf": "20"})
ENCODERS: dict[str, tuple[str, dict[str, str]]] = {
    ".mp4": _H264,
    ".mov": _H264,
    ".mkv": _H264,
    ".webm": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "crf": "32", "b": "0"}),
}

_HIGH_DEFINITION = 720  # pixels of height
_SQUARE_PIXELS = (".webm",)  # files that cannot say how wide a pixel is


class VideoWriter:
    """A context manager; leaving it, also by an error elsewhere, completes the file, so that it can be played so far.

    Where writing itself fails, as on a full disk, no file is left. Images (H, W, 3) of another size than the first are
    fitted into its size; an odd width or height grows by a pixel, as the encoders require. `time_base`: the unit of the
    images' timestamps, in seconds. `audio`: a file whose audio is copied, as far as the container format takes it.
    Raises ValueError for an unknown suffix, OSError for what cannot be written.
    """

    def __init__(self, path: Path, rate: Fraction, time_base: Fraction, audio: Path | None = None):
        if path.suffix.lower() not in ENCODERS:
            raise ValueError(f"{path}: a video is written as {', '.join(ENCODERS)}, not as {path.suffix or 'this'}")
        self._path, self._rate, self._time_base = path, rate, time_base
        self._part = path.absolute().with_name(f".{path.name}.part{path.suffix}")
        self._failed = False
        self._stream: av.VideoStream | None = None
        with self._writing():
            self._out = av.open(str(self._part), "w")
            self._out.metadata["comment"] = signature("overlay")
        self._audio = AudioCopier(audio, self._out) if audio else None

    def write(self, image: RGB, pts: int, pixel_aspect: Fraction = Fraction(1)) -> None:
        """`pts` in units of `time_base`; of `pixel_aspect`, width by height, the first image's counts.

        Where the file's format has square pixels alone, the image is stretched to those.
        """
        if self._path.suffix.lower() in _SQUARE_PIXELS:
            image, pixel_aspect = _stretched(image, pixel_aspect), Fraction(1)
        with self._writing():
            if self._stream is None:
                self._stream = self._add_stream(image.shape[1], image.shape[0], pixel_aspect)
            frame = av.VideoFrame.from_ndarray(_fitted(image, self._stream.width, self._stream.height), format="rgb24")
            matrix, _ = _colours(self._stream.height)
            frame = frame.reformat(format="yuv420p", dst_colorspace=matrix)
            frame.pts, frame.time_base = pts, self._time_base
            if self._audio:
                self._audio.copy(until=float(pts * self._time_base))
            self._out.mux(self._stream.encode(frame))

    def _add_stream(self, width: int, height: int, pixel_aspect: Fraction) -> av.VideoStream:
        encoder, options = ENCODERS[self._path.suffix.lower()]
        stream = self._out.add_stream(encoder, rate=self._rate, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width + width % 2, height + height % 2, "yuv420p"
        stream.codec_context.sample_aspect_ratio = pixel_aspect
        _, stream.codec_context.colorspace = _colours(stream.height)
        stream.codec_context.color_range = ColorRange.MPEG
        # Encoders want a unit well below a frame's length; a whole share of the images' keeps their times exact.
        stream.codec_context.time_base = stream.time_base = self._time_base / ceil(self._time_base / _LONGEST_UNIT)
        try:
            stream.codec_context.open()
        except av.error.FFmpegError as error:
            raise ValueError(
                f"{self._path}: {encoder} takes no {width} x {height} pixels; .webm takes larger ones"
            ) from error
        if self._audio:
            self._audio.add_streams()
        return stream

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """What FFmpeg raises becomes an OSError that names the file."""
        try:
            yield
        except av.error.FFmpegError as error:
            self._failed = True
            raise OSError(f"{self._path} cannot be written: {error.strerror}") from error
        except ValueError:
            self._failed = True
            raise

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            if self._stream and not self._failed:
                with self._writing():
                    if self._audio and kind is None:
                        self._audio.copy(until=inf)
                    self._out.mux(self._stream.encode(None))
                    self._out.close()
                self._part.replace(self._path)
        finally:
            if self._audio:
                self._audio.close()
            with suppress(av.error.FFmpegError):  # it is thrown away, where it is not closed yet
                self._out.close()
            self._part.unlink(missing_ok=True)  # there is no video without frames


def _colours(height: int) -> tuple[Colorspace, int]:
    """The matrix that players take where they are not told, BT.601 for small pictures, and its number in H.273."""
    return (Colorspace.ITU709, 1) if height >= _HIGH_DEFINITION else (Colorspace.ITU601, 6)


def _stretched(image: RGB, pixel_aspect: Fraction) -> RGB:
    """The image with square pixels, no side of it shorter."""
    if pixel_aspect == 1:
        return image
    height, width = image.shape[:2]
    size = (round(width * pixel_aspect), height) if pixel_aspect > 1 else (width, round(height / pixel_aspect))
    return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)


def _fitted(image: RGB, width: int, height: int) -> RGB:
    """An image within this size: its edges repeated for a missing pixel, or else scaled, with black beside it."""
    missing = height - image.shape[0], width - image.shape[1]
    if missing == (0, 0):
        return image
    how = cv2.BORDER_REPLICATE
    if not (0 <= missing[0] <= 1 and 0 <= missing[1] <= 1):
        factor = min(height / image.shape[0], width / image.shape[1])
        size = max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        missing, how = (height - size[1], width - size[0]), cv2.BORDER_CONSTANT
    top, left = (0, 0) if how == cv2.BORDER_REPLICATE else (missing[0] // 2, missing[1] // 2)
    bordered = cv2.copyMakeBorder(image, top, missing[0] - top, left, missing[1] - left, how)
    return bordered.astype(np.uint8, copy=False)


def is_result(path: Path) -> bool:
    """Whether a file is a video that a VideoWriter wrote."""
    try:
        with open_container(str(path)) as container:
            return signature("overlay") in container.metadata.values()
    except ValueError:
        return False
