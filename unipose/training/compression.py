"""Compression: what storing images as JPEG does to them, in batch on any device."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

# How coarsely each frequency of brightness and colour is stored: ITU-T T.81, tables K.1 and K.2.
BRIGHTNESS = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
COLOUR = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *[(99,) * 8] * 4,
)
TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


def compress(images: Tensor, quality: Tensor) -> Tensor:
    """Grey levels (n, 3, h, w) and JPEG's quality (n,), 1 to 100 -> the levels read back from such files.

    As a JPEG's usual form has it, with colour at half the size, but for the coding, which loses nothing.
    """
    height, width = images.shape[-2:]
    to_ycc = torch.tensor(TO_YCC)
    to_ycc, to_rgb = (matrix.to(images.device, non_blocking=True) for matrix in (to_ycc, to_ycc.inverse()))
    padded = F.pad(images, (0, -width % 16, 0, -height % 16), mode="replicate")
    ycc = torch.einsum("ij,njhw->nihw", to_ycc, padded).round()
    y, colour = ycc[:, :1], ycc[:, 1:]
    y = _store(y - 128, quality, BRIGHTNESS) + 128
    colour = _store(F.avg_pool2d(colour, 2).round(), quality, COLOUR).round().clamp(-128, 127)
    colour = F.interpolate(colour, scale_factor=2, mode="bilinear", align_corners=False)
    read = torch.einsum("ij,njhw->nihw", to_rgb, torch.cat([y.round().clamp(0, 255), colour], dim=1))
    return read.round().clamp(0, 255)[..., :height, :width]


def _store(planes: Tensor, quality: Tensor, table: tuple[tuple[int, ...], ...]) -> Tensor:
    """Planes (n, c, h, w) around 0, rounded to the steps of their quality in frequencies of 8 x 8 cells."""
    n, c, height, width = planes.shape
    scale = torch.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    coarse, dct = (constant.to(planes.device, non_blocking=True) for constant in (torch.tensor(table), _cosines()))
    steps = ((coarse * scale[:, None, None] + 50) // 100).clamp(1, 255).float()
    cells = planes.reshape(n, c, height // 8, 8, width // 8, 8).movedim(3, 4)
    steps = steps[:, None, None, None]
    rounded = ((dct @ cells @ dct.T) / steps).round() * steps
    return (dct.T @ rounded @ dct).movedim(4, 3).reshape(n, c, height, width)


def _cosines() -> Tensor:
    """The orthonormal cosine transform of 8 values (8, 8)."""
    k, x = torch.arange(8.0)[:, None], torch.arange(8.0)
    cosines = torch.cos(math.pi * k * (2 * x + 1) / 16) / 2
    cosines[0] /= math.sqrt(2)
    return cosines
