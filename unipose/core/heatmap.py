"""The heatmap codec: keypoints to maps and back, the only file that knows both directions.

A heatmap covers the network's input edge to edge; its own frame has whole numbers at cell centres.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from unipose.core.choice import choose
from unipose.core.geometry import Affine
from unipose.core.types import Bool, Float, Float32, Float64, Index

_TINY = 1e-10  # log of anything smaller carries no position


class Peaks(NamedTuple):
    """What is read off heatmaps (..., K, h, w): xy_heatmap (..., K, 2), and the maps' maxima (..., K), both float32."""

    xy_heatmap: Float32
    peak: Float32

    @classmethod
    def join(cls, parts: Sequence["Peaks"]) -> "Peaks":
        """Those of several batches -> those of one."""
        return cls(*map(np.concatenate, zip(*parts, strict=True)))

    def split(self, counts: Sequence[int]) -> list["Peaks"]:
        """Those of a batch -> those of its parts of so many, which together are the whole."""
        ends = np.cumsum(counts)[:-1]
        return [Peaks(*part) for part in zip(*(np.split(array, ends) for array in self), strict=True)]


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


def decode(maps: Float32, decoder: str = "quadratic", sigma: float = 2.0) -> Peaks:
    """The peak of each map, by a row of `DECODERS`.

    maps (..., h, w), sigma in cells. Raises ValueError for an unknown decoder. `modeling.keypoint_decoder` is the same
    on tensors.
    """
    find = choose(DECODERS, decoder, "decoder")
    *lead, height, width = maps.shape
    flat = maps.reshape(-1, height, width)
    peak = flat.reshape(len(flat), -1).argmax(axis=1)
    highest = flat.reshape(len(flat), -1)[np.arange(len(flat)), peak].astype(np.float32)
    xy = find(flat, peak, sigma)
    return Peaks(xy.astype(np.float32).reshape(*lead, 2), highest.reshape(lead))


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

    Outside the map there is nothing, as in the published code. The step reads nine cells, so only they are smoothed.
    Peaks in the border's own cells, where the step is not defined, are found by `quadratic`.
    """
    _, height, width = maps.shape
    rows, columns = np.divmod(peak, width)
    across, down = blur_matrix(width, sigma)[_triple(columns, width)], blur_matrix(height, sigma)[_triple(rows, height)]
    smooth = np.log(np.maximum(down @ maps @ across.swapaxes(1, 2), _TINY)).astype(np.float64)
    (nw, n, ne), (w, c, e), (sw, s, se) = smooth.transpose(1, 2, 0)
    dx, dy, dxx, dyy, dxy = (e - w) / 2, (s - n) / 2, e - 2 * c + w, s - 2 * c + n, (se - ne - sw + nw) / 4
    determinant = dxx * dyy - dxy**2
    peaked = (dxx < 0) & (determinant > 1e-9)
    step = np.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], axis=-1)
    step = np.clip(step / np.where(peaked, determinant, 1.0)[:, None] * peaked[:, None], -1, 1)
    xy = argmax(maps, peak, sigma)
    inner = ((xy >= 1) & (xy <= (width - 2, height - 2))).all(axis=1, keepdims=True)
    return np.where(inner, xy + step, quadratic(maps, peak, sigma))


@cache
def blur_matrix(length: int, sigma: float) -> Float32:
    """The Gaussian blur of a row of cells, with nothing outside, as a matrix (length, length).

    Its radius is OpenCV's for float32: 4 sigma.
    """
    radius = round(8 * sigma + 1) // 2
    weights = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * sigma**2))
    apart = np.abs(np.subtract.outer(np.arange(length), np.arange(length)))
    kernel = np.append(weights[radius:] / weights.sum(), 0.0)
    matrix: Float32 = kernel[np.minimum(apart, radius + 1)].astype(np.float32)
    return matrix


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
