"""The changes of `augment.Appearance`, drawn for a sample on the host and made in batch on any device."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from unipose.core.types import Float32
from unipose.training.augment import (
    BLUR_SIGMA,
    COLOUR,
    GAUSSIAN_BLUR,
    HOLE,
    HOLES,
    HUE,
    MOTION_BLUR,
    NOISE,
    QUALITY,
    Appearance,
)
from unipose.training.compression import compress

WIDEST = MOTION_BLUR[1]  # kernel
PLAIN = (1.0, 1.0, 1.0, 0.0)  # brightness, contrast, saturation and hue as they are


class Change(NamedTuple):
    """What happens to a sample's images; to a batch's with B in front of each tensor, as a DataLoader collates them.

    factors (4,): of brightness, contrast and saturation, and hue's turn, in the order (4,); grey (): whether no colour
    is left; kernel (WIDEST, WIDEST) of a blur; noise (): its standard deviation in grey levels, and its seed; quality
    () of JPEG, 0 for none; holes (3, 4): x1, y1, x2, y2 in pixels, and their colours (3, 3).
    """

    factors: Tensor
    order: Tensor
    grey: Tensor
    kernel: Tensor
    noise: Tensor
    seed: Tensor
    quality: Tensor
    holes: Tensor
    colours: Tensor


def draw_change(appearance: Appearance | None, seed: int, size_wh: tuple[int, int]) -> Change:
    """A change as `appearance` draws them, of crops of this size, the same for the same seed; None: none."""
    rng = np.random.default_rng(seed)
    chosen = {name for name, p in appearance.probability.items() if rng.random() < p} if appearance else set()
    factors, order = np.array(PLAIN), np.arange(4)
    if "colour" in chosen:
        factors = np.append(rng.uniform(1 - COLOUR, 1 + COLOUR, 3), rng.uniform(-HUE, HUE))
        order = rng.permutation(4)
    kernel = np.zeros((WIDEST, WIDEST), np.float32)
    kernel[WIDEST // 2, WIDEST // 2] = 1
    if "blur" in chosen:
        kernel = gaussian_kernel(rng) if rng.random() < 0.5 else motion_kernel(rng)
    holes, colours = np.zeros((HOLES[1], 4), np.int64), np.zeros((HOLES[1], 3), np.float32)
    if "holes" in chosen:
        for hole in range(rng.integers(HOLES[0], HOLES[1] + 1)):
            sides = (rng.uniform(*HOLE, 2) * size_wh).astype(int)
            corner = rng.integers(0, np.array(size_wh) - sides + 1)
            holes[hole] = [*corner, *(corner + sides)]
            colours[hole] = rng.integers(0, 256, 3)
    return Change(
        torch.from_numpy(factors.astype(np.float32)),
        torch.from_numpy(order),
        torch.tensor("grey" in chosen),
        torch.from_numpy(kernel),
        torch.tensor(255 * rng.uniform(*NOISE) if "noise" in chosen else 0.0),
        torch.tensor(seed),
        torch.tensor(int(rng.integers(QUALITY[0], QUALITY[1] + 1)) if "compression" in chosen else 0),
        torch.from_numpy(holes),
        torch.from_numpy(colours),
    )


def gaussian_kernel(rng: np.random.Generator) -> Float32:
    """(WIDEST, WIDEST), of a random sigma, cut off at a random odd side: even ones are made larger by one."""
    radius = int(rng.integers(GAUSSIAN_BLUR[0], GAUSSIAN_BLUR[1] + 1)) // 2
    distance = np.arange(WIDEST) - WIDEST // 2
    weight = np.exp(-0.5 * (distance / rng.uniform(*BLUR_SIGMA)) ** 2) * (abs(distance) <= radius)
    kernel: Float32 = np.outer(weight, weight / weight.sum() ** 2).astype(np.float32)
    return kernel


def motion_kernel(rng: np.random.Generator) -> Float32:
    """(WIDEST, WIDEST): a line of a random odd length and direction; it may begin, or end, near the middle."""
    radius = int(rng.integers(MOTION_BLUR[0] // 2, MOTION_BLUR[1] // 2 + 1))
    angle, lean = rng.uniform(0, 2 * math.pi), rng.uniform(-1, 1)
    along = np.linspace(radius * (max(lean, 0) - 1), radius * (1 + min(lean, 0)), 2 * radius + 1)
    shift = rng.uniform(-radius / 2, radius / 2, 2)
    points = np.outer(along, [math.sin(angle), math.cos(angle)]) + shift
    rows, columns = (points.round().clip(-radius, radius).astype(int) + WIDEST // 2).T
    kernel = np.zeros((WIDEST, WIDEST), np.float32)
    kernel[rows, columns] = 1
    kernel /= kernel.sum()
    return kernel


def make_changes(crops: Tensor, change: Change) -> Tensor:
    """Crops (B, 3, h, w) of grey levels on a device, and their change, on the CPU -> the changed crops.

    Which samples are changed is known without asking the device, so that nobody waits for it.
    """
    jittered = (change.factors != torch.tensor(PLAIN)).any(1)
    blurred = change.kernel[:, WIDEST // 2, WIDEST // 2] < 1
    covered = (change.holes[..., 2] > change.holes[..., 0]).any(1)
    crops = _of(crops, jittered, _jitter, change.factors, change.order)
    crops = _of(crops, change.grey, lambda some: grey(some).expand_as(some))
    crops = _of(crops, blurred, _blur, change.kernel)
    crops = _of(crops, change.noise > 0, _add_noise, change.noise, change.seed)
    crops = _of(crops, change.quality > 0, compress, change.quality)
    return _of(crops, covered, _cover, change.holes, change.colours)


def grey(crops: Tensor) -> Tensor:
    """(n, 3, h, w) -> (n, 1, h, w)."""
    red, green, blue = crops.unbind(1)
    return (0.299 * red + 0.587 * green + 0.114 * blue).round()[:, None]


def _of(crops: Tensor, chosen: Tensor, function: Callable[..., Tensor], *numbers: Tensor) -> Tensor:
    """Apply a function of crops and of their numbers to those chosen (B,)."""
    [indices] = torch.nonzero(chosen, as_tuple=True)
    if not len(indices):
        return crops
    there = indices.to(crops.device, non_blocking=True)
    own = [part[indices].to(crops.device, non_blocking=True) for part in numbers]
    return crops.index_copy(0, there, function(crops[there], *own))


def _jitter(crops: Tensor, factors: Tensor, order: Tensor) -> Tensor:
    """Brightness, contrast, saturation and hue, in each crop's own order."""
    for step in order.T:
        which = step[:, None, None, None]
        factor = torch.where(step < 3, factors.gather(1, step[:, None])[:, 0], 1.0)[:, None, None, None]
        levels = grey(crops)
        middle = torch.where(which == 1, levels.mean((2, 3), keepdim=True), torch.where(which == 2, levels, 0.0))
        changed = torch.where(which == 3, turn_hue(crops, factors[:, 3]), middle + factor * (crops - middle))
        crops = changed.clamp(0, 255).round()
    return crops


def turn_hue(crops: Tensor, turn: Tensor) -> Tensor:
    """(n, 3, h, w) with hues turned by (n,) of the circle, value and saturation as they were."""
    value, low = crops.amax(1), crops.amin(1)
    chroma = value - low
    red, green, blue = crops.unbind(1)
    sixth = 1 / chroma.clamp_min(1e-6)
    of_blue = torch.where(value == blue, (red - green) * sixth + 4, 0.0)
    of_green = torch.where(value == green, (blue - red) * sixth + 2, of_blue)
    hue = torch.where(value == red, (green - blue) * sixth, of_green) + 6 * turn[:, None, None]
    shades = [(hue + offset) % 6 for offset in (5, 3, 1)]  # of red, green and blue
    return torch.stack([value - chroma * torch.minimum(k, 4 - k).clamp(0, 1) for k in shades], dim=1)


def _blur(crops: Tensor, kernel: Tensor) -> Tensor:
    """Each crop with its own kernel (n, WIDEST, WIDEST)."""
    padded = F.pad(crops, [WIDEST // 2] * 4, mode="reflect")
    planes = padded.transpose(0, 1)  # colours are the batch, crops the groups
    return F.conv2d(planes, kernel[:, None], groups=len(crops)).transpose(0, 1).clamp(0, 255).round()


def _add_noise(crops: Tensor, noise: Tensor, seed: Tensor) -> Tensor:
    """As many whole levels as the noise has, without a rest, which albumentations drops."""
    return (crops + (noise[:, None, None, None] * normal(seed, crops[0].shape)).trunc()).clamp(0, 255)


def normal(seed: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Normally distributed numbers (n, *shape) that depend on their seed (n,) alone, on no device's generator."""
    places = torch.arange(2 * math.prod(shape), device=seed.device)
    first, second = _uniform(_mixed(seed)[:, None] + places).chunk(2, dim=1)
    return ((-2 * first.log()).sqrt() * (2 * math.pi * second).cos()).view(-1, *shape)


def _mixed(numbers: Tensor) -> Tensor:
    """Numbers of 32 bits, well mixed: the finalizer of MurmurHash3, whose products may overflow."""
    numbers = numbers & 0xFFFFFFFF
    numbers = ((numbers ^ (numbers >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    numbers = ((numbers ^ (numbers >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return numbers ^ (numbers >> 16)


def _uniform(numbers: Tensor) -> Tensor:
    """Above 0 and at most 1."""
    return (_mixed(numbers).double() + 1).mul_(2.0**-32).float()


def _cover(crops: Tensor, holes: Tensor, colours: Tensor) -> Tensor:
    x = torch.arange(crops.shape[3], device=crops.device)
    y = torch.arange(crops.shape[2], device=crops.device)[:, None]
    for hole, colour in zip(holes.unbind(1), colours.unbind(1), strict=True):
        left, top, right, bottom = hole[..., None, None].unbind(1)
        inside = (x >= left) & (x < right) & (y >= top) & (y < bottom)
        crops = torch.where(inside[:, None], colour[..., None, None], crops)
    return crops
