"""VideoWriter: timestamped images to a video file, with the audio of another file."""

from fractions import Fraction
from math import inf
from pathlib import Path
from types import TracebackType

import av
import cv2
import numpy as np

from unipose.core.signature import signature
from unipose.core.types import RGB
from unipose.video_io.audio import AudioCopier

# The video encoder of each file suffix and its options: fast, of good visual quality.
_H264 = ("libx264", {"preset": "veryfast", "crf": "20"})
ENCODERS: dict[str, tuple[str, dict[str, str]]] = {
    ".mp4": _H264,
    ".mov": _H264,
    ".mkv": _H264,
    ".webm": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "crf": "32", "b": "0"}),
}


class VideoWriter:
    """A context manager; leaving it, also by an error, completes the file, so that all written so far can be played.

    Images (H, W, 3) are resized to the first one's size; an odd width or height grows by a pixel, as the encoders
    require. `time_base`: the unit of the images' timestamps, in seconds. `audio`: a file whose audio is copied, with
    `origin` seconds subtracted from its timestamps. Raises ValueError for an unknown suffix, and for audio that the
    container format does not take.
    """

    def __init__(self, path: Path, rate: Fraction, time_base: Fraction, audio: Path | None = None, origin: float = 0.0):
        if path.suffix.lower() not in ENCODERS:
            raise ValueError(f"{path}: a video is written as {', '.join(ENCODERS)}, not as {path.suffix or 'this'}")
        self._path, self._rate, self._time_base = path, rate, time_base
        self._part = path.with_name(f".{path.name}.part{path.suffix}")
        self._out = av.open(str(self._part), "w")
        self._out.metadata["comment"] = signature("overlay")
        self._stream: av.VideoStream | None = None
        try:
            self._audio = AudioCopier(audio, origin, self._out) if audio else None
        except ValueError:
            self._out.close()
            self._part.unlink(missing_ok=True)
            raise

    def write(self, image: RGB, pts: int) -> None:
        """`pts` in units of `time_base`. Raises ValueError where the encoder refuses the image."""
        if self._stream is None:
            self._stream = self._add_stream(image.shape[1], image.shape[0])
        frame = av.VideoFrame.from_ndarray(self._resized(image, self._stream), format="rgb24")
        frame.pts, frame.time_base = pts, self._time_base
        if self._audio:
            self._audio.copy(until=float(pts * self._time_base))
        self._out.mux(self._stream.encode(frame))

    def _add_stream(self, width: int, height: int) -> av.VideoStream:
        encoder, options = ENCODERS[self._path.suffix.lower()]
        stream = self._out.add_stream(encoder, rate=self._rate.limit_denominator(1001), options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width + width % 2, height + height % 2, "yuv420p"
        stream.codec_context.time_base = stream.time_base = self._time_base
        if self._audio:
            self._audio.add_streams()
        return stream

    @staticmethod
    def _resized(image: RGB, stream: av.VideoStream) -> RGB:
        width, height = stream.width, stream.height
        pad_bottom, pad_right = height - image.shape[0], width - image.shape[1]
        if (pad_bottom, pad_right) == (0, 0):
            return image
        if 0 <= pad_bottom <= 1 and 0 <= pad_right <= 1:
            return cv2.copyMakeBorder(image, 0, pad_bottom, 0, pad_right, cv2.BORDER_REPLICATE).astype(
                np.uint8, copy=False
            )
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._stream:
            if self._audio and kind is None:
                self._audio.copy(until=inf)
            self._out.mux(self._stream.encode(None))
        self._out.close()
        if self._audio:
            self._audio.close()
        if self._stream:
            self._part.replace(self._path)
        else:
            self._part.unlink(missing_ok=True)  # there is no video without frames


def is_result(path: Path) -> bool:
    """Whether a file is a video that a VideoWriter wrote."""
    try:
        with av.open(str(path)) as container:
            return signature("overlay") in container.metadata.values()
    except (av.error.FFmpegError, UnicodeDecodeError):
        return False
