"""KeypointDecoder: heatmaps to keypoints on tensors, equal to `core.heatmap.decode`, for ONNX files and GPUs."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

_TINY = 1e-10  # log of anything smaller carries no position


class KeypointDecoder(nn.Module):
    """Heatmaps (n, K, h, w) -> xy_heatmap (n, K, 2), and each map's maximum (n, K), all float32.

    `decoder`: a row of `DECODERS`; `size_wh`: of the maps; `sigma` in cells. Any n, K and (h, w) of at least 2 cells.
    DARK's smoothed map is computed at the nine cells that it reads alone.
    """

    def __init__(self, decoder: str, size_wh: tuple[int, int], sigma: float) -> None:
        super().__init__()
        self.find = DECODERS[decoder]
        self.size_wh = size_wh
        width, height = size_wh
        self.register_buffer("blur_x", blur_matrix(width, sigma))
        self.register_buffer("blur_y", blur_matrix(height, sigma))

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        maps = maps.float()
        flat = maps.flatten(2)
        cell = flat.argmax(dim=2, keepdim=True)
        row = torch.div(cell, self.size_wh[0], rounding_mode="floor")
        column = cell - row * self.size_wh[0]
        return self.find(self, maps, column, row), flat.gather(2, cell).squeeze(2)


def blur_matrix(length: int, sigma: float) -> Tensor:
    """OpenCV's Gaussian blur of float32 along an axis, with zeros outside, as a matrix (length, length)."""
    radius = round(8 * sigma + 1) // 2
    offset = torch.arange(-radius, radius + 1, dtype=torch.float64)
    total = torch.exp(-(offset**2) / (2 * sigma**2)).sum()
    apart = torch.arange(length, dtype=torch.float64)
    apart = (apart[:, None] - apart).abs()
    return (torch.exp(-(apart**2) / (2 * sigma**2)) / total * (apart <= radius)).float()


def _argmax(own: KeypointDecoder, maps: Tensor, column: Tensor, row: Tensor) -> Tensor:
    return torch.cat([column, row], dim=2).float()


def _quadratic(own: KeypointDecoder, maps: Tensor, column: Tensor, row: Tensor) -> Tensor:
    width, height = own.size_wh
    flat = maps.flatten(2)
    x = _vertex(flat.gather(2, row * width + _triple(column, width)), column, width)
    y = _vertex(flat.gather(2, _triple(row, height) * width + column), row, height)
    return torch.cat([x, y], dim=2)


def _dark(own: KeypointDecoder, maps: Tensor, column: Tensor, row: Tensor) -> Tensor:
    width, height = own.size_wh
    rows = own.get_buffer("blur_y")[_triple(row, height)]  # (n, K, 3, h)
    columns = own.get_buffer("blur_x")[_triple(column, width)]
    smooth = (rows @ maps @ columns.transpose(2, 3)).clamp(min=_TINY).log()
    (nw, n, ne), (w, c, e), (sw, s, se) = (line.unbind(2) for line in smooth.unbind(2))
    dx, dy = (e - w) / 2, (s - n) / 2
    dxx, dyy, dxy = w - 2 * c + e, n - 2 * c + s, (se - ne - sw + nw) / 4
    determinant = dxx * dyy - dxy**2
    peaked = (dxx < 0) & (determinant > 1e-9)
    step = torch.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], dim=2)
    step = step / torch.where(peaked, determinant, 1.0)[:, :, None] * peaked[:, :, None]
    inner = (column >= 1) & (column <= width - 2) & (row >= 1) & (row <= height - 2)
    centre = _argmax(own, maps, column, row)
    return torch.where(inner, centre + step.clamp(-1, 1), _quadratic(own, maps, column, row))


DECODERS: dict[str, Callable[[KeypointDecoder, Tensor, Tensor, Tensor], Tensor]] = {
    "argmax": _argmax,
    "quadratic": _quadratic,
    "dark": _dark,
}


def _triple(index: Tensor, length: int) -> Tensor:
    """Three neighbouring cells (n, K, 3) around each index (n, K, 1), kept within the map."""
    middle = index.clamp(1, max(length - 2, 1))
    return torch.cat([middle - 1, middle, middle + 1], dim=2).clamp(max=length - 1)


def _vertex(values: Tensor, index: Tensor, length: int) -> Tensor:
    """Where the parabola through three logarithms (n, K, 3) peaks, at most one cell from `index` (n, K, 1)."""
    before, centre, after = values.clamp(min=_TINY).log().chunk(3, dim=2)
    curvature = before - 2 * centre + after
    peaked = curvature < -1e-9
    offset = (before - after) / torch.where(peaked, 2 * curvature, 1.0)
    vertex = torch.where(peaked, index.clamp(1, max(length - 2, 1)) + offset, index.float())
    return vertex.clamp(-0.5, length - 0.5).clamp(index - 1.0, index + 1.0)
