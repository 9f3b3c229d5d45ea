"""The heatmap codec: keypoints to maps and back, the only file that knows both directions.

A heatmap covers the network's input edge to edge; its own frame has whole numbers at cell centres.
"""

import numpy as np
from numpy.typing import NDArray

from unipose.geometry import Affine

Float32 = NDArray[np.float32]

_TINY = 1e-10  # log of anything smaller carries no position


def encode(
    xy_heatmap: NDArray[np.floating], visible: NDArray[np.bool_], size_wh: tuple[int, int], sigma: float
) -> Float32:
    """Unrounded Gaussians of peak 1 (Zhang et al., CVPR 2020: the centre is not quantised).

    xy_heatmap (K, 2), visible (K,), sigma in cells -> (K, h, w). A keypoint that is not visible, or further than
    3 sigma outside the map, gives a map of zeros.
    """
    width, height = size_wh
    x, y = np.asarray(xy_heatmap, np.float32).T[:, :, None]
    row = np.exp(-((np.arange(width, dtype=np.float32) - x) ** 2) / (2 * sigma**2))
    column = np.exp(-((np.arange(height, dtype=np.float32) - y) ** 2) / (2 * sigma**2))
    drawn = inside(xy_heatmap, visible, size_wh, 3 * sigma)
    maps: Float32 = column[:, :, None] * row[:, None, :] * drawn[:, None, None]
    return maps


def inside(
    xy_heatmap: NDArray[np.floating], visible: NDArray[np.bool_], size_wh: tuple[int, int], slack: float = 0.0
) -> NDArray[np.bool_]:
    """Which visible keypoints (..., K, 2) lie on the map or at most `slack` cells outside it -> (..., K)."""
    upper = np.array(size_wh, np.float64) - 0.5 + slack
    return visible & ((xy_heatmap >= -0.5 - slack) & (xy_heatmap <= upper)).all(axis=-1)


def decode(maps: Float32) -> tuple[Float32, Float32]:
    """The peak of each map, to a fraction of a cell.

    maps (..., h, w) -> xy_heatmap (..., 2), score (...). The score is the map's maximum clipped to 0..1. Around it the
    logarithm of a Gaussian is a parabola, so three cells on each axis give the peak exactly, at the border too
    (the three nearest cells then lie to one side).
    """
    *lead, height, width = maps.shape
    flat = maps.reshape(-1, height, width)
    peak = flat.reshape(len(flat), -1).argmax(axis=1)
    rows, columns = np.divmod(peak, width)
    n = np.arange(len(flat))
    x = _vertex(flat[n[:, None], rows[:, None], _triple(columns, width)], columns, width)
    y = _vertex(flat[n[:, None], _triple(rows, height), columns[:, None]], rows, height)
    score = np.clip(flat[n, rows, columns], 0.0, 1.0).astype(np.float32)
    return np.stack([x, y], axis=-1).astype(np.float32).reshape(*lead, 2), score.reshape(lead)


def _triple(index: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    """Three neighbouring cells (N, 3) around each index, kept within the map."""
    middle = np.clip(index, 1, max(length - 2, 1))
    cells: NDArray[np.intp] = np.minimum(middle[:, None] + np.arange(-1, 2), length - 1)
    return cells


def _vertex(values: Float32, index: NDArray[np.intp], length: int) -> NDArray[np.float64]:
    """Where the parabola through three logarithms (N, 3) peaks, at most one cell from the maximum at `index`."""
    before, centre, after = np.log(np.maximum(values, _TINY).astype(np.float64)).T
    middle = np.clip(index, 1, max(length - 2, 1))
    curvature = before - 2 * centre + after
    peaked = curvature < -1e-9
    offset = (before - after) / np.where(peaked, 2 * curvature, 1.0)
    vertex = np.where(peaked, middle + offset, index)
    return np.clip(vertex, np.maximum(index - 1, -0.5), np.minimum(index + 1, length - 0.5))


def mirror(maps: Float32, partner: tuple[int, ...]) -> Float32:
    """The maps of the mirrored image: (..., K, h, w) turned left to right, each keypoint's map given to its partner."""
    return np.ascontiguousarray(maps[..., list(partner), :, ::-1])


def from_input(input_wh: tuple[int, int], stride: int) -> Affine:
    """The affine from the network's input to its heatmap, `stride` times smaller, edges on edges."""
    return Affine.resize(input_wh, (input_wh[0] // stride, input_wh[1] // stride))
