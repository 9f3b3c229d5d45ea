"""Display: a decoded frame's pixels as a player shows them, by the display matrix and over white."""

from typing import cast

import av
import numpy as np
from av.sidedata.sidedata import SideDataContainer, Type

from unipose.core.image import upright
from unipose.core.types import RGB

# An EXIF orientation by whether axes are exchanged, and whether x and y then run backwards.
_ORIENTATIONS = {
    (False, False, False): 1, (False, True, False): 2, (False, True, True): 3, (False, False, True): 4,
    (True, False, False): 5, (True, True, False): 6, (True, True, True): 7, (True, False, True): 8,
}  # fmt: skip


def orientation(frame: av.VideoFrame) -> int:
    """The frame's display matrix as an EXIF orientation, 1 to 8; a matrix in between as the nearest.

    It maps x' = ax + cy, y' = bx + dy, stored as (a, b, u, c, d, v, ...) in fixed point (ISO/IEC 14496-12, 6.2.2).
    """
    matrix = cast(SideDataContainer, frame.side_data).get(Type.DISPLAYMATRIX)
    if matrix is None:
        return 1
    a, b, _, c, d, *_ = np.frombuffer(bytes(matrix), "=i4").tolist()
    exchanged = abs(b) + abs(c) > abs(a) + abs(d)
    x, y = (c, b) if exchanged else (a, d)
    return _ORIENTATIONS[exchanged, x < 0, y < 0]


def pixels(frame: av.VideoFrame) -> RGB:
    """The frame (H, W, 3), upright; where it has an alpha channel, blended over white."""
    layout = frame.format
    if layout.has_palette or any(component.is_alpha for component in layout.components):
        colours, alpha = np.split(frame.to_ndarray(format="rgba").astype(np.uint16), [3], axis=2)
        image = ((colours * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    else:
        image = frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
    return upright(image, orientation(frame))
