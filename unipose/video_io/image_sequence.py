"""Image sequences: a folder of images, or the frames of one image file, as a video."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

from unipose.core.folders import images_in
from unipose.core.image import Limits, open_image, read_image
from unipose.core.types import RGB
from unipose.video_io.video import USUAL_RATE, Frame, IncompleteVideo, Video, believed, check_rate

_UNIT = Fraction(1, 1000)  # of the times of an animation, which come in milliseconds
_SHORTEST, _WHERE_SHORTER = 0.011, 0.1  # seconds: shorter frames are shown for longer, as browsers do
_LIMITS = Limits(max_bytes=2**31)  # of a file with many frames


def open_folder(folder: Path, rate: Fraction | None) -> Video:
    """A folder's images in natural order, at `rate`. Raises ValueError where there are none."""
    paths, rate = images_in(folder), check_rate(USUAL_RATE if rate is None else rate)
    return Video(_images(paths, rate), rate, 1 / rate, len(paths))


def _images(paths: list[Path], rate: Fraction) -> Iterator[Frame]:
    """Those that cannot be read are left out, and told at the end; the others keep their numbers and times."""
    faults = []
    for i, path in enumerate(paths):
        try:
            image = read_image(path)
        except (ValueError, OSError) as error:
            faults.append(str(error))
        else:
            yield Frame(image, i, i, float(i / rate))
    if faults:
        raise IncompleteVideo(f"{len(faults)} of {len(paths)} images could not be read: {faults[0]}")


def open_image_file(path: Path, rate: Fraction | None) -> Video:
    """An animation with its own times, or at `rate` the pages of a TIFF or one image.

    Raises ValueError for an image that cannot be read, and for a rate where there are times.
    """
    image = open_image(path, _LIMITS)
    frames, total = image.decode_all(), image.count()
    first = next(frames)
    if first[1] is None:
        rate = check_rate(USUAL_RATE if rate is None else rate)
        return Video(_frames(chain([first], frames), 1 / rate), rate, 1 / rate, total)
    if rate is not None:
        raise ValueError(f"{path} has times of its own: a rate is for images without")
    return Video(_frames(chain([first], frames), _UNIT), believed(1 / Fraction(_shown(first[1]))), _UNIT, total)


def _frames(images: Iterator[tuple[RGB, float | None]], unit: Fraction) -> Iterator[Frame]:
    """`unit` is the time base; an image that does not say how long it is shown is shown for one."""
    pts = index = 0
    try:
        for index, (image, duration) in enumerate(images):
            yield Frame(image, index, pts, float(pts * unit))
            pts += 1 if duration is None else round(_shown(duration) / unit)
    except ValueError as error:
        raise IncompleteVideo(f"it breaks off after frame {index + 1}: {error}") from error


def _shown(duration: float) -> float:
    return _WHERE_SHORTER if duration < _SHORTEST else duration
