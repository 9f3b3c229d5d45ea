"""Warp: crops of whole images by affine maps, and their normalisation, in batch on any device.

It does what `core.image.warp` and `core.image.normalise` do, which say why.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True, eq=False)
class Pictures:
    """Upright RGB images of any sizes, end to end: pixels (P, 3) uint8 on a device, and where each image is in them.

    starts (N,) and sizes_wh (N, 2) int64, in pixels, are on the CPU: nobody who needs them waits for the device.
    """

    pixels: Tensor
    starts: Tensor
    sizes_wh: Tensor

    @classmethod
    def of(cls, images: Sequence[Tensor] | Tensor, device: torch.device | str = "cpu") -> "Pictures":
        """Images (H, W, 3) uint8 of any sizes, or a batch (N, H, W, 3) of one. Raises ValueError for none of them."""
        shapes = [tuple(image.shape) for image in images]
        if not shapes or any(len(shape) != 3 or shape[2] != 3 or not all(shape) for shape in shapes):
            raise ValueError(f"images are (H, W, 3) and one or more, got {shapes}")
        sizes_wh = torch.tensor([(width, height) for height, width, _ in shapes])
        if isinstance(images, Tensor):
            pixels = images.reshape(-1, 3).to(device, non_blocking=True)
        else:
            pixels = torch.cat([image.to(device, non_blocking=True).reshape(-1, 3) for image in images])
        return cls(pixels, starts_of(sizes_wh), sizes_wh)

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> Tensor:
        """An image (H, W, 3), without a copy."""
        start, (width, height) = int(self.starts[index]), self.sizes_wh[index].tolist()
        return self.pixels[start : start + width * height].view(height, width, 3)


def warp(pictures: Pictures, affines: Tensor, size_wh: tuple[int, int], which: Tensor | None = None) -> Tensor:
    """Crops of images: affines (n, 2, 3) float64 from image to crop, as `geometry.Affine.matrix` -> (n, 3, h, w).

    `which` (n,) int64 says of which image each crop is; without it there is one of each. Both are on the CPU. The crops
    are float32 of whole grey levels, black outside the image, in channels_last. Of an image that a map shrinks by two
    or more the visible part is averaged down first, one such crop after another; all else is one batch.
    """
    which = torch.arange(len(affines)) if which is None else which
    starts, sizes_wh, inverse = pictures.starts[which], pictures.sizes_wh[which], _inverse(affines)
    step = (1 / _determinant(affines).abs().sqrt()).floor().clamp_min(1).long()
    if bool((step == 1).all()):
        return _bilinear(pictures.pixels, starts, sizes_wh, inverse, size_wh)
    cells, shrunk = [], []
    for i in torch.nonzero(step > 1).flatten().tolist():
        image, moved = _shrink(pictures[int(which[i])], inverse[i], int(step[i]), size_wh)
        cells.append(image)
        shrunk.append(moved)
    small, few = step > 1, Pictures.of(cells, pictures.pixels.device)
    crops = _bilinear(few.pixels, few.starts, few.sizes_wh, torch.stack(shrunk), size_wh)
    if bool(small.all()):
        return crops
    whole = _bilinear(pictures.pixels, starts[~small], sizes_wh[~small], inverse[~small], size_wh)
    order = torch.argsort(torch.cat([torch.nonzero(small), torch.nonzero(~small)]).flatten())
    return torch.cat([crops, whole])[order.to(crops.device, non_blocking=True)]


class Normalise(nn.Module):
    """Grey levels (..., 3, h, w) -> float32 (value / 255 - mean) / std per channel."""

    scale: Tensor
    offset: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        means, stds = (torch.tensor(rgb, dtype=torch.float64).view(3, 1, 1) for rgb in (mean, std))
        self.register_buffer("scale", (1 / (255 * stds)).float(), persistent=False)
        self.register_buffer("offset", (means / stds).float(), persistent=False)

    def forward(self, levels: Tensor) -> Tensor:
        return levels * self.scale - self.offset


def _bilinear(pixels: Tensor, starts: Tensor, sizes_wh: Tensor, inverse: Tensor, size_wh: tuple[int, int]) -> Tensor:
    """Images in pixels (P, 3), and maps (n, 2, 3) from crop to image -> (n, 3, h, w) float32 of whole grey levels."""
    device, (width, height) = pixels.device, size_wh
    numbers = torch.cat([inverse.flatten(1), starts[:, None], sizes_wh], dim=1)  # float64, which holds them all exactly
    numbers = numbers.to(device, non_blocking=True)[..., None, None]
    maps = numbers[:, :6].float()
    start, columns, rows = numbers[:, 6:].long().unbind(1)
    x = torch.arange(width, device=device, dtype=torch.float32)
    y = torch.arange(height, device=device, dtype=torch.float32)[:, None]
    source_x = maps[:, 0] * x + maps[:, 1] * y + maps[:, 2]
    source_y = maps[:, 3] * x + maps[:, 4] * y + maps[:, 5]
    left, top = source_x.floor(), source_y.floor()
    right_share, bottom_share = source_x - left, source_y - top
    across = ((left.long(), 1 - right_share), (left.long() + 1, right_share))
    down = ((top.long(), 1 - bottom_share), (top.long() + 1, bottom_share))
    levels = torch.zeros(len(inverse), height, width, 3, device=device)
    for row, row_share in down:
        for column, column_share in across:
            inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
            there = torch.where(inside, start + row * columns + column, 0)
            levels += pixels[there] * (row_share * column_share * inside)[..., None]
    return levels.round_().permute(0, 3, 1, 2)


def _shrink(image: Tensor, inverse: Tensor, step: int, size_wh: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The part of an image (H, W, 3) that a crop shows, averaged over cells of `step` pixels or what there is of them
    -> (rows, columns, 3) uint8, and the map (2, 3) from crop to it.
    """
    height, width = image.shape[:2]
    wide, high = size_wh
    outside = torch.tensor([(-1, -1), (wide, -1), (-1, high), (wide, high)], dtype=torch.float64)
    corners = outside @ inverse[:, :2].T + inverse[:, 2]
    left, top = (corners.amin(0) - 1).floor().clamp_min(0).long().tolist()
    end_x, end_y = (corners.amax(0) + 2).ceil().long().tolist()
    right, bottom = min(width, end_x), min(height, end_y)
    if left >= right or top >= bottom:  # nothing of it is to be seen
        return image.new_zeros(1, 1, 3), inverse
    across, down = min(step, right - left), min(step, bottom - top)
    columns, rows = -(-(right - left) // across), -(-(bottom - top) // down)
    part = image[top : top + rows * down, left : left + columns * across]
    part = F.pad(part, (0, 0, 0, columns * across - part.shape[1], 0, rows * down - part.shape[0]))
    total = part.view(rows, down, columns, across, 3).sum((1, 3), dtype=torch.int32)
    cell = torch.tensor([across, down], dtype=torch.float64)
    moved = inverse.clone()
    moved[:, 2] -= torch.tensor([left, top])
    moved[:, 2] += 0.5  # resizing moves edges
    moved /= cell[:, None]
    moved[:, 2] -= 0.5
    half_up = 0.125 if across == down == 2 else 0.0  # as OpenCV rounds these; all others go to even
    return (total / (across * down) + half_up).round().to(torch.uint8), moved


def _inverse(affines: Tensor) -> Tensor:
    (a, b, x), (c, d, y) = (row.unbind(1) for row in affines.unbind(1))
    rows = torch.stack([d, -b, b * y - d * x, -c, a, c * x - a * y], dim=1).view(-1, 2, 3)
    return rows / _determinant(affines)[:, None, None]


def _determinant(affines: Tensor) -> Tensor:
    return affines[:, 0, 0] * affines[:, 1, 1] - affines[:, 0, 1] * affines[:, 1, 0]


def starts_of(sizes_wh: Tensor) -> Tensor:
    """Where images that lie end to end begin, in pixels."""
    areas = sizes_wh.prod(1)
    return areas.cumsum(0) - areas
