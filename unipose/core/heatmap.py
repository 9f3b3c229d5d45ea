"""The heatmap codec: keypoints to maps and back, the only file that knows both directions.

A heatmap covers the network's input edge to edge; its own frame has whole numbers at cell centres.
"""

from collections.abc import Callable

import cv2
import numpy as np

from unipose.core.choice import choose
from unipose.core.geometry import Affine
from unipose.core.types import Bool, Float, Float32, Float64, Index

_TINY = 1e-10  # log of anything smaller carries no position


def encode(xy_heatmap: Float, visible: Bool, size_wh: tuple[int, int], sigma: float) -> Float32:
    """The maps of a person's keypoints: xy_heatmap (K, 2), visible (K,), sigma in cells -> (K, h, w).

    A keypoint that is not visible, or further than 3 sigma outside the map, gives a map of zeros.
    """
    return gaussians(xy_heatmap, inside(xy_heatmap, visible, size_wh, 3 * sigma), size_wh, sigma)


def gaussians(xy_heatmap: Float, drawn: Bool, size_wh: tuple[int, int], sigma: float) -> Float32:
    """Gaussians of peak 1 at unrounded centres (Zhang et al., CVPR 2020), zeros where not `drawn` (K,) -> (K, h, w)."""
    width, height = size_wh
    x, y = np.asarray(xy_heatmap, np.float32).T[:, :, None]
    row = np.exp(-((np.arange(width, dtype=np.float32) - x) ** 2) / (2 * sigma**2))
    column = np.exp(-((np.arange(height, dtype=np.float32) - y) ** 2) / (2 * sigma**2))
    maps: Float32 = column[:, :, None] * row[:, None, :] * drawn[:, None, None]
    return maps


def inside(xy_heatmap: Float, visible: Bool, size_wh: tuple[int, int], slack: float = 0.0) -> Bool:
    """Which visible keypoints (..., K, 2) lie on the map or at most `slack` cells outside it -> (..., K)."""
    upper = np.array(size_wh, np.float64) - 0.5 + slack
    return visible & ((xy_heatmap >= -0.5 - slack) & (xy_heatmap <= upper)).all(axis=-1)


def decode(maps: Float32, decoder: str = "quadratic", sigma: float = 2.0) -> tuple[Float32, Float32]:
    """The peak of each map, by a row of `DECODERS`.

    maps (..., h, w), sigma in cells -> xy_heatmap (..., 2), and the map's maximum (...). Raises ValueError for an
    unknown decoder.
    """
    find = choose(DECODERS, decoder, "decoder")
    *lead, height, width = maps.shape
    flat = maps.reshape(-1, height, width)
    peak = flat.reshape(len(flat), -1).argmax(axis=1)
    highest = flat.reshape(len(flat), -1)[np.arange(len(flat)), peak].astype(np.float32)
    xy = find(flat, peak, sigma)
    return xy.astype(np.float32).reshape(*lead, 2), highest.reshape(lead)


def argmax(maps: Float32, peak: Index, sigma: float) -> Float64:
    """The centre of the highest cell: maps (N, h, w), peak (N,) -> (N, 2)."""
    rows, columns = np.divmod(peak, maps.shape[2])
    return np.stack([columns, rows], axis=-1).astype(np.float64)


def quadratic(maps: Float32, peak: Index, sigma: float) -> Float64:
    """The logarithm of a Gaussian is a parabola, so three cells on each axis give its peak exactly.

    At the border too, where the three nearest cells lie to one side.
    """
    _, height, width = maps.shape
    rows, columns = np.divmod(peak, width)
    n = np.arange(len(maps))[:, None]
    x = _vertex(maps[n, rows[:, None], _triple(columns, width)], columns, width)
    y = _vertex(maps[n, _triple(rows, height), columns[:, None]], rows, height)
    return np.stack([x, y], axis=-1)


def dark(maps: Float32, peak: Index, sigma: float) -> Float64:
    """DARK (Zhang et al., CVPR 2020): smooth the map with its own Gaussian, then one Newton step on its logarithm.

    Outside the map there is nothing, as in the published code. Peaks in the border's own cells, where the step is not
    defined, are found by `quadratic`.
    """
    _, height, width = maps.shape
    smooth = np.log(
        np.maximum([cv2.GaussianBlur(one, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT) for one in maps], _TINY)
    ).astype(np.float64)
    xy = argmax(maps, peak, sigma)
    inner = ((xy >= 1) & (xy <= (width - 2, height - 2))).all(axis=1)
    xy[~inner] = quadratic(maps[~inner], peak[~inner], sigma)
    if not inner.any():
        return xy
    x, y = xy[inner].astype(np.intp).T
    n = np.flatnonzero(inner)

    def at(dx: int, dy: int) -> Float64:
        value: Float64 = smooth[n, y + dy, x + dx]
        return value

    gradient = np.stack([at(1, 0) - at(-1, 0), at(0, 1) - at(0, -1)], axis=-1) / 2
    dxx, dyy = at(1, 0) - 2 * at(0, 0) + at(-1, 0), at(0, 1) - 2 * at(0, 0) + at(0, -1)
    dxy = (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / 4
    determinant = dxx * dyy - dxy**2
    peaked = (dxx < 0) & (determinant > 1e-9)
    safe = np.where(peaked, determinant, 1.0)
    step = np.stack([dxy * gradient[:, 1] - dyy * gradient[:, 0], dxy * gradient[:, 0] - dxx * gradient[:, 1]], axis=-1)
    xy[inner] += np.clip(step / safe[:, None] * peaked[:, None], -1, 1)
    return xy


DECODERS: dict[str, Callable[[Float32, Index, float], Float64]] = {
    "argmax": argmax,
    "quadratic": quadratic,
    "dark": dark,
}


def _triple(index: Index, length: int) -> Index:
    """Three neighbouring cells (N, 3) around each index, kept within the map."""
    middle = np.clip(index, 1, max(length - 2, 1))
    cells: Index = np.minimum(middle[:, None] + np.arange(-1, 2), length - 1)
    return cells


def _vertex(values: Float32, index: Index, length: int) -> Float64:
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
