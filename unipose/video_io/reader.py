"""Video reading: a file, a folder of images, an animation, a webcam or a network stream is opened by its name."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from fractions import Fraction
from pathlib import Path

import av

from unipose.core.file_kinds import IMAGE_SUFFIXES, image_format
from unipose.video_io.container import frame_rate, open_container, seconds, video_stream
from unipose.video_io.decoding import frames_of
from unipose.video_io.image_sequence import open_folder, open_image_file
from unipose.video_io.live import LIVE_TIME_BASE, connect, live_frames
from unipose.video_io.video import Video


@contextmanager
def open_video(source: str, rate: Fraction | None = None, patience: float = 60.0) -> Iterator[Video]:
    """Open a file, a folder of images, a webcam ("0") or a stream (a URL with "://").

    `rate`: frames per second of images. `patience`: seconds without a frame after which a stream is given up. Raises
    FileNotFoundError, and ValueError for a source without video or a rate for one with times. Iterating over the frames
    raises IncompleteVideo at the end of a truncated or damaged file, ConnectionError when a stream is given up.
    """
    path = Path(source)
    with ExitStack() as stack:
        if path.is_dir():
            yield open_folder(path, rate)
        elif _is_image(path):
            yield open_image_file(path, rate)
        elif rate is not None:
            raise ValueError(f"{source} has times of its own: a rate is for images without")
        elif path.exists():
            yield _file(stack.enter_context(open_container(source)), source, path)
        elif source.isdecimal() or "://" in source:
            container = stack.enter_context(connect(source))
            if source.isdecimal() or container.duration is None:
                live_rate = frame_rate(video_stream(container, source))
                stack.close()  # `live_frames` opens it again
                live = live_frames(source, patience)
                stack.enter_context(closing(live))
                yield Video(live, live_rate, LIVE_TIME_BASE, live=True)
            else:  # a file behind a URL, of which every frame is read
                yield _file(container, source, None)
        else:
            raise FileNotFoundError(f"no file or folder {source}")


def _is_image(path: Path) -> bool:
    """By both name and content: a stream of JPEGs begins like one, too."""
    if path.suffix.lower() not in IMAGE_SUFFIXES or not path.is_file():
        return False
    with path.open("rb") as file:
        return image_format(file.read(64)) is not None


def _file(container: av.container.InputContainer, source: str, path: Path | None) -> Video:
    stream = video_stream(container, source)
    rate = frame_rate(stream)
    assert stream.time_base is not None
    total = stream.frames or round(seconds(container) * rate) or None
    audio = path if container.streams.audio else None
    return Video(frames_of(stream, source), rate, stream.time_base, total, audio=audio)
