"""Images of classes: CIFAR's files, folders with a folder per class, or drawn ones; and batches of them."""

import tarfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from gzip import BadGzipFile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torchvision import datasets

from unipose.core.types import Int64, UInt8
from unipose.datasets.synthetic.classes import SHAPES, draw_classes
from unipose.training.dataset import Batch

PADDING = 4  # pixels around a small image, before a crop of its own size
DRAWN = (4000, 1000)  # images to train on and to test on


def open_sets(path: Path) -> tuple[Any, Any]:
    """Training and validation images with their classes, as torchvision's data sets: (Pillow image, label) each.

    `path` is CIFAR-10's or CIFAR-100's archive for Python, what is unpacked from it, or the folder of either; or it has
    train/CLASS/ and val/CLASS/ or test/CLASS/. Raises ValueError for anything else, and for damaged files.
    """
    for kind in (datasets.CIFAR10, datasets.CIFAR100):
        folder = path.parent if path.name in (kind.base_folder, kind.filename) else path
        if (folder / kind.base_folder).is_dir():
            return _open_cifar(kind, folder, folder / kind.base_folder)
        if (archive := folder / kind.filename).is_file():
            with TemporaryDirectory() as unpacked:
                try:
                    with tarfile.open(archive) as tar:
                        tar.extractall(unpacked, filter="data")
                except (tarfile.TarError, EOFError, BadGzipFile, zlib.error) as error:
                    raise ValueError(f"{archive} is damaged: {error}") from error
                return _open_cifar(kind, Path(unpacked), archive)
    parts = [path / "train", next((path / name for name in ("val", "test") if (path / name).is_dir()), path / "val")]
    if not all(part.is_dir() for part in parts):
        raise ValueError(
            f"{path} has neither train/ and val/ or test/ with a folder per class, nor CIFAR's files for Python"
        )
    train, val = (datasets.ImageFolder(str(part)) for part in parts)
    if train.classes != val.classes:
        raise ValueError(f"{path}: {parts[0].name} and {parts[1].name} must have the same classes")
    return train, val


def _open_cifar(kind: Any, folder: Path, named: Path) -> tuple[Any, Any]:
    try:
        return kind(str(folder), train=True), kind(str(folder), train=False)
    except RuntimeError as error:
        raise ValueError(f"{named} is damaged: {error}") from error


def class_batch(images: Tensor, labels: Tensor, classes: int, index: Tensor | None = None) -> Batch:
    """Images (B, H, W, 3) of uint8 or 0..255 with labels (B,) -> a batch whose targets are one-hot, (B, classes)."""
    target = functional.one_hot(labels, classes).float()
    index = torch.arange(len(labels)) if index is None else index
    return Batch(image=images, target=target, weight=torch.ones(len(labels), 1), index=index)


def mixup(batch: Batch, alpha: float) -> Batch:
    """The batch mixed with itself in another order, by a share from Beta(alpha, alpha) (Zhang et al., ICLR 2018)."""
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    order = torch.randperm(len(batch["index"]))
    image, target = batch["image"].float(), batch["target"]
    mixed = Batch(**batch)
    mixed["image"], mixed["target"] = image.lerp(image[order], share), target.lerp(target[order], share)
    return mixed


@dataclass(frozen=True, eq=False)
class SmallImages:
    """Images of one size that fit into memory: RGB images (N, H, W, 3), labels (N,), and the names of all classes."""

    images: UInt8
    labels: Int64
    classes: Sequence[str]

    def subset(self, count: int | None) -> "SmallImages":
        """`count` of them, chosen by chance but always the same; None: all. Raises ValueError where there are fewer."""
        if count is None:
            return self
        if count > len(self.labels):
            raise ValueError(f"there are {len(self.labels)} training images: lower --images {count}")
        chosen = np.random.default_rng(0).permutation(len(self.labels))[:count]
        return SmallImages(self.images[chosen], self.labels[chosen], self.classes)

    def batches(self, size: int) -> Iterator[Batch]:
        """All images in their order, to be judged on."""
        for at in range(0, len(self.labels), size):
            chosen = np.arange(at, min(at + size, len(self.labels)))
            yield self._batch(self.images[chosen], chosen)

    def training_batches(self, size: int, rng: np.random.Generator) -> Iterator[Batch]:
        """Full batches of all images in a random order, each cropped and mirrored by chance."""
        order = rng.permutation(len(self.labels))
        for at in range(0, len(order) - size + 1, size):
            chosen = order[at : at + size]
            yield self._batch(crop_and_flip(self.images[chosen], rng), chosen)

    def _batch(self, images: UInt8, index: Int64) -> Batch:
        labels = torch.from_numpy(self.labels[index])
        return class_batch(torch.from_numpy(images), labels, len(self.classes), torch.from_numpy(index))


def crop_and_flip(images: UInt8, rng: np.random.Generator) -> UInt8:
    """Images (B, H, W, 3), each moved by up to PADDING pixels over black and every other mirrored, by chance.

    As small images are augmented since He et al. 2015, section 4.2.
    """
    count, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (PADDING, PADDING), (PADDING, PADDING), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    top, left = rng.integers(0, 2 * PADDING + 1, (2, count))
    moved: UInt8 = windows[np.arange(count), top, left].transpose(0, 2, 3, 1)
    mirrored = rng.random((count, 1, 1, 1)) < 0.5
    return np.where(mirrored, moved[:, :, ::-1], moved)


def read_small(path: Path | None) -> tuple[SmallImages, SmallImages]:
    """The images of `open_sets` to train and to test on, in memory; without a path drawn ones.

    Raises ValueError as `open_sets` does, and where images differ in size.
    """
    if path is None:
        sets = [draw_classes(count, seed) for seed, count in enumerate(DRAWN)]
        train, test = (SmallImages(images, labels, tuple(SHAPES)) for images, labels in sets)
        return train, test
    train, test = (_in_memory(images, path) for images in open_sets(path))
    return train, test


def _in_memory(images: Any, path: Path) -> SmallImages:
    labels = np.array(images.targets, np.int64)
    if hasattr(images, "data"):  # CIFAR's
        return SmallImages(images.data, labels, images.classes)
    arrays = [np.asarray(image) for image, _ in images]
    if len({array.shape for array in arrays}) > 1:
        raise ValueError(f"{path}: images must have one size here, as CIFAR's; `unipose pretrain` takes any")
    return SmallImages(np.stack(arrays), labels, images.classes)
