"""Live sources: a webcam or a network stream, connected again where it breaks off."""

import logging
import sys
import time
from collections.abc import Generator
from fractions import Fraction

import av

from unipose.video_io.container import open_container, video_stream
from unipose.video_io.display import pixels
from unipose.video_io.video import Frame

log = logging.getLogger(__name__)

LIVE_TIME_BASE = Fraction(1, 90_000)  # of frames that are timestamped on arrival
STREAM_TIMEOUT = 10.0  # seconds for a stream to connect, and between its packets
_WEBCAM = {"linux": ("v4l2", "/dev/video{}"), "darwin": ("avfoundation", "{}"), "win32": ("dshow", "video={}")}


def connect(source: str) -> av.container.InputContainer:
    """Open a webcam by its number, or an address. Raises ValueError where that cannot be."""
    if source.isdecimal():
        kind, pattern = _WEBCAM[sys.platform]
        return open_container(pattern.format(source), format=kind)
    options = {"rtsp_transport": "tcp"} if source.startswith("rtsp") else {}
    return open_container(source, timeout=STREAM_TIMEOUT, options=options)


def live_frames(source: str, patience: float) -> Generator[Frame, None, None]:
    """Frames as they arrive; reconnects after increasing pauses whenever the connection is lost.

    Raises ConnectionError after `patience` seconds without a frame.
    """
    start = received = time.monotonic()
    index, last, pause = 0, -1, 0.5
    while True:
        reason = "it ended"
        try:
            with connect(source) as container:
                for frame in container.decode(video_stream(container, source)):
                    received, pause = time.monotonic(), 0.5
                    last = max(last + 1, int((received - start) / LIVE_TIME_BASE))
                    yield Frame(pixels(frame), index, last, float(last * LIVE_TIME_BASE))
                    index += 1
        except (av.error.FFmpegError, ValueError) as error:
            reason = str(error)
        silence = time.monotonic() - received
        if silence + pause > patience:
            raise ConnectionError(f"{source}: no frame for {silence:.0f} s; the last reason: {reason}")
        log.warning("%s: %s; connecting again in %.1f s", source, reason, pause)
        time.sleep(pause)
        pause = min(2 * pause, 15.0)
