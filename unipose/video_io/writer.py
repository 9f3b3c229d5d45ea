"""VideoWriter: images and their times to a video file, with the sound of another."""

from fractions import Fraction
from math import inf
from pathlib import Path
from types import TracebackType

import av
import cv2
import numpy as np

from unipose.core.types import RGB
from unipose.video_io.audio import Sound

# The encoder of a kind of file, and its settings: quick, and good to the eye; other kinds take FFmpeg's own choice.
_H264 = ("libx264", {"preset": "veryfast", "crf": "20"})
ENCODERS: dict[str, tuple[str, dict[str, str]]] = {
    ".mp4": _H264,
    ".mov": _H264,
    ".mkv": _H264,
    ".webm": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "crf": "32", "b": "0"}),
}


class VideoWriter:
    """A context manager; leaving it, for whatever reason, finishes the file, so that what was written can be played.

    Images (H, W, 3) of another size than the first are fitted to it; an odd width or height grows by a pixel, as the
    encoders want even ones. Raises ValueError for a kind of file that is not known, and where `sound` does not fit.
    """

    def __init__(self, path: Path, rate: Fraction, time_base: Fraction, sound: Path | None = None, origin: float = 0.0):
        """`time_base`: the unit of the images' times. `sound`: a file whose sound is taken over; its times, from
        which `origin` seconds are taken, are those of the images.
        """
        if path.suffix.lower() not in ENCODERS:
            raise ValueError(f"{path}: a video is written as {', '.join(ENCODERS)}, not as {path.suffix or 'this'}")
        self._path, self._rate, self._time_base = path, rate, time_base
        self._part = path.with_name(f".{path.name}.part{path.suffix}")
        self._out = av.open(str(self._part), "w")
        self._stream: av.VideoStream | None = None
        try:
            self._sound = Sound(sound, origin, self._out) if sound else None
        except ValueError:
            self._out.close()
            self._part.unlink(missing_ok=True)
            raise

    def write(self, image: RGB, pts: int) -> None:
        """Raises ValueError where the encoder refuses."""
        if self._stream is None:
            self._stream = self._add_stream(image.shape[1], image.shape[0])
        picture = av.VideoFrame.from_ndarray(self._sized(image, self._stream), format="rgb24")
        picture.pts, picture.time_base = pts, self._time_base
        if self._sound:
            self._sound.copy(until=float(pts * self._time_base))
        self._out.mux(self._stream.encode(picture))

    def _add_stream(self, width: int, height: int) -> av.VideoStream:
        encoder, options = ENCODERS[self._path.suffix.lower()]
        stream = self._out.add_stream(encoder, rate=self._rate.limit_denominator(1001), options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width + width % 2, height + height % 2, "yuv420p"
        stream.codec_context.time_base = stream.time_base = self._time_base
        if self._sound:
            self._sound.add_streams()
        return stream

    @staticmethod
    def _sized(image: RGB, stream: av.VideoStream) -> RGB:
        width, height = stream.width, stream.height
        below, beside = height - image.shape[0], width - image.shape[1]
        if (below, beside) == (0, 0):
            return image
        if 0 <= below <= 1 and 0 <= beside <= 1:
            return cv2.copyMakeBorder(image, 0, below, 0, beside, cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._stream:
            if self._sound and kind is None:
                self._sound.copy(until=inf)
            self._out.mux(self._stream.encode(None))
        self._out.close()
        if self._sound:
            self._sound.close()
        if self._stream:
            self._part.replace(self._path)
        else:
            self._part.unlink(missing_ok=True)  # there is no video without pictures
