"""Label faults: what can be wrong with the numbers of people's keypoints and boxes, tried on all people at once.

Of N people: keypoints (N, K, 3), x, y and v, and boxes_xywh (N, 4). A fault is who has it (N,), and what it is; {box}
and {size} stand for that person's. Each is tried on what has none of those before it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from unipose.core.types import Bool, Float64, Json
from unipose.datasets.label_lists import LARGEST

Fault = tuple[Bool | np.bool_, str]

_SHARES = "; pixels are right, not shares of the image"
_CORNERS = "; x, y, width and height are right"
FAR = 10.0  # sides of its image from which on a keypoint is no stray click, but of another set
SLACK = 2.0  # pixels by which two corners may miss what is in them


def refuse(faults: Iterable[Fault], people: Sequence[Json], sizes_wh: Float64, where: Callable[[Json], str]) -> None:
    """Raises ValueError for the first of `people` (N,) who has one, in images of sizes_wh (N, 2); `where` says who."""
    for wrong, message in faults:
        for i in np.flatnonzero(wrong)[:1]:
            size = "{:.0f} x {:.0f} pixels".format(*sizes_wh[i])
            raise ValueError(f"{where(people[i])}: {message.format(box=people[i].get('bbox'), size=size)}")


def numbers(people: Sequence[Json], key: str, missing: Sequence[float], where: Callable[[Json], str]) -> Float64:
    """What each of `people` has under a key, lists of numbers of one length. Raises ValueError for one too large."""
    try:
        return np.array([person.get(key, missing) for person in people], np.float64)
    except OverflowError:
        [first, *_] = [person for person in people if max(map(abs, person.get(key, missing)), default=0) > LARGEST]
        raise ValueError(f"{where(first)}: {key} must be finite numbers, and has one that is too large") from None


def wrong_numbers(keypoints: Float64, boxes_xywh: Float64, given: Bool) -> Iterator[Fault]:
    """What can be told from a person's own numbers; `given` (N,): who has a box. Of the others it is NaN."""
    v = keypoints[..., 2]
    yield ~np.isin(v, (0, 1, 2)).all(axis=1), "visibility must be 0, 1 or 2"
    yield ~(np.isfinite(keypoints).all(axis=2) | (v == 0)).all(axis=1), "keypoints must be finite numbers"
    yield given & ~np.isfinite(boxes_xywh).all(axis=1), "bbox must be 4 finite numbers, got {box}"
    yield (boxes_xywh[:, 2:] < 0).any(axis=1), "bbox {box} has a negative side; x, y, width and height are right"
    anybody, low, high = _extent(keypoints)
    yield ~given & ~anybody, "needs a bbox, or labelled keypoints to derive it from"
    # On a line, or alone, keypoints have such a box; its place is theirs.
    tight = (np.abs(boxes_xywh - np.hstack([low, high - low])) <= 1).all(axis=1)
    empty = (boxes_xywh[:, 2:] == 0).any(axis=1)
    yield empty & anybody & ~tight, "bbox {box} has no area; without bbox, it is derived from the keypoints"


def wrong_places(keypoints: Float64, boxes_xywh: Float64, sizes_wh: Float64) -> Iterator[Fault]:
    """What can be told from where keypoints and boxes are in images of sizes_wh (N, 2); a box is that of a person
    without labelled keypoints, or has an area.
    """
    anybody, low, high = _extent(keypoints)
    labelled = keypoints[..., 2] > 0
    missing = labelled & (keypoints[..., :2] <= 0).all(axis=2)  # one may be there, not several
    yield missing.sum(axis=1) > 1, "has several labelled keypoints at 0, 0; the v of missing ones is 0"
    several = labelled.sum(axis=1) > 1
    yield several & (low >= 0).all(axis=1) & (high <= 1).all(axis=1), "keypoints lie within one pixel" + _SHARES
    solid = (boxes_xywh[:, 2:] > 0).all(axis=1)
    with np.errstate(over="ignore"):
        start, end = boxes_xywh[:, :2], boxes_xywh[:, :2] + boxes_xywh[:, 2:]
    yield anybody & ~solid, "keypoints lie outside its image of {size}"  # so that there is no box around them
    tiny = solid & (boxes_xywh[:, 2:] <= 1).all(axis=1)
    yield tiny & (anybody | np.array_equal(tiny, solid)), "bbox {box} is no larger than a pixel" + _SHARES
    outside = (end <= 0).any(axis=1) | (start >= sizes_wh).any(axis=1)
    yield solid & outside, "bbox {box} lies outside its image of {size}"
    far = np.abs(keypoints[..., :2]).max(axis=2) > FAR * sizes_wh.max(axis=1)[:, None]
    yield (far & labelled).any(axis=1), "has a keypoint far outside its image of {size}"
    inside = (keypoints[..., :2] >= start[:, None]) & (keypoints[..., :2] <= end[:, None])
    apart = anybody & ~(inside.all(axis=2) & labelled).any(axis=1)
    if 2 * apart.sum() > anybody.sum():
        yield apart, "bbox {box} holds none of its keypoints, and so do most; both are in pixels of the image"
    # Some boxes leave their images far, and all would fit theirs and hold their keypoints if they were two corners.
    leaving = solid & (end > 1.1 * sizes_wh).any(axis=1)
    corner = boxes_xywh[:, 2:]
    fits = (corner > start).all(axis=1) & (corner <= sizes_wh + SLACK).all(axis=1) & (start >= -SLACK).all(axis=1)
    holds = ~anybody | ((low >= start - SLACK) & (high <= corner + SLACK)).all(axis=1)
    if 4 * leaving.sum() >= solid.sum() and np.all(~solid | (fits & holds)):
        yield leaving, "bbox {box} leaves its image of {size}, and fits it as two corners" + _CORNERS


def _extent(keypoints: Float64) -> tuple[Bool | np.bool_, Float64, Float64]:
    """Who has a labelled keypoint (N,), and the least and greatest x and y of those (N, 2), infinite without any."""
    xy, labelled = keypoints[..., :2], keypoints[..., 2] > 0
    low = np.where(labelled[..., None], xy, np.inf).min(axis=1, initial=np.inf)
    high = np.where(labelled[..., None], xy, -np.inf).max(axis=1, initial=-np.inf)
    return labelled.any(axis=1), low, high
