"""PoseDataset: training samples from records; one affine transform moves an image and its keypoints alike."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor

from unipose.core import heatmap
from unipose.core.geometry import Affine
from unipose.core.image import read_image, warp
from unipose.core.model_spec import ModelSpec
from unipose.core.types import Bool, Float64
from unipose.datasets.records import Record, clips
from unipose.training.augment import Appearance, RandomAffine


class Sample(TypedDict):
    """image (H, W, 3) uint8, target (K, h, w), weight (K,) float32, with time T in front for a window; its index.

    Of a finder target and weight are those of `box_loss.box_sums`.
    """

    image: Tensor
    target: Tensor
    weight: Tensor
    index: int


class Batch(TypedDict):
    """B samples, as a DataLoader collates them: the same tensors with B in front, index (B,)."""

    image: Tensor
    target: Tensor
    weight: Tensor
    index: Tensor


class EpochDataset(torch.utils.data.Dataset[Sample]):
    """Training samples: sample i depends on (seed, epoch, i) alone, whatever the number of workers.

    The epoch lies in shared memory: a loader's processes, which stay for the whole training, see it change. From the
    epoch `plain_from` on images keep the `appearance` that they have.
    """

    def __init__(self, seed: int, appearance: Appearance | None = None, plain_from: int | None = None):
        self.seed, self.plain_from, self._appearance = seed, plain_from, appearance
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # type: ignore[no-untyped-call]

    @property
    def epoch(self) -> int:
        return int(self._epoch)

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch.fill_(epoch)

    @property
    def appearance(self) -> Appearance | None:
        """What changes images in this epoch."""
        return self._appearance if self.plain_from is None or self.epoch < self.plain_from else None

    def rng(self, index: int) -> np.random.Generator:
        """A sample's source of randomness."""
        return np.random.default_rng((self.seed, self.epoch, index))


@dataclass(frozen=True, eq=False)
class Drawn:
    """What is random of a sample: the affine from image to input, whether it mirrors, and the appearance's seed."""

    records: tuple[Record, ...]
    to_input: Affine
    mirrored: bool
    seed: int


class PoseDataset(EpochDataset):
    """Training samples of people with keypoints.

    Without `affine` and `appearance` nothing is random. A keypoint that is not labelled, or outside the crop, has
    weight 0.

    With a `window` of T a sample is T consecutive frames of a clip. They share one affine, of their mean box, and one
    change of appearance, so that motion looks as it was and people are as large as in a single frame's crop. Raises
    ValueError where no clip is long enough.
    """

    def __init__(
        self,
        records: Sequence[Record],
        spec: ModelSpec,
        affine: RandomAffine | None = None,
        appearance: Appearance | None = None,
        seed: int = 0,
        window: int = 0,
        plain_from: int | None = None,
    ):
        super().__init__(seed, appearance, plain_from)
        self.windows = _windows(records, window) if window else [(record,) for record in records]
        if window and not self.windows:
            raise ValueError(f"no clip has {window} consecutive frames: lower data.window")
        self.with_time = window > 0
        self.spec = spec
        self.input_to_heatmap = heatmap.from_input(spec.input_wh, spec.stride)
        self.affine = affine

    @property
    def frames(self) -> int:
        """Frames in a sample."""
        return len(self.windows[0])

    def image_paths(self, index: int) -> list[Path]:
        """What a sample is made of."""
        return [record.image_path for record in self.windows[index]]

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, index: int) -> Sample:
        image, target, weight = (part if self.with_time else part[0] for part in self.window(index))
        return Sample(image=image, target=target, weight=weight, index=index)

    def window(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """image (T, H, W, 3), target (T, K, h, w), weight (T, K) of a window, with T = 1 for a single image."""
        drawn, spec = self.draw(index), self.spec
        pixels = [warp(read_image(record.image_path), drawn.to_input, spec.input_wh) for record in drawn.records]
        if self.appearance:
            pixels = [self.appearance(frame, drawn.seed) for frame in pixels]
        targets, weights = [], []
        for record in drawn.records:
            xy_heatmap, known = self.label(record, drawn)
            targets.append(heatmap.gaussians(xy_heatmap, known, spec.heatmap_wh, spec.sigma))
            weights.append(known)
        return (
            torch.from_numpy(np.stack(pixels)),
            torch.from_numpy(np.stack(targets)),
            torch.from_numpy(np.array(weights, np.float32)),
        )

    def draw(self, index: int) -> Drawn:
        """What is random of a sample."""
        rng, records = self.rng(index), self.windows[index]
        to_input, mirrored = self._crop(rng, records)
        return Drawn(records, to_input, mirrored, int(rng.integers(2**31)))

    def label(self, record: Record, drawn: Drawn) -> tuple[Float64, Bool]:
        """A record's keypoints on the heatmap of a sample -> xy_heatmap (K, 2), and which have a target (K,)."""
        order = list(self.spec.skeleton.mirror) if drawn.mirrored else slice(None)
        xy_heatmap = (self.input_to_heatmap @ drawn.to_input)(record.xy_image[order])
        return xy_heatmap, heatmap.inside(xy_heatmap, record.labelled[order], self.spec.heatmap_wh)

    def _crop(self, rng: np.random.Generator, records: Sequence[Record]) -> tuple[Affine, bool]:
        """The affine from a window's images to the input, and whether it mirrors them."""
        spec, box_xyxy = self.spec, np.array([record.box_xyxy for record in records]).mean(axis=0)
        if self.affine:
            last = replace(records[-1], box_xyxy=box_xyxy)
            return self.affine.draw(rng, last, spec.skeleton, spec.input_wh, spec.margin)
        return Affine.fit(box_xyxy, spec.input_wh, spec.margin), False


def _windows(records: Sequence[Record], frames: int) -> list[tuple[Record, ...]]:
    """Windows of `frames` that cover each clip as evenly as they can, from its first to its last frame.

    A clip shorter than a window has none.
    """
    return [
        clip[start : start + frames]
        for clip in clips(records)
        if len(clip) >= frames
        for start in np.linspace(0, len(clip) - frames, ceil(len(clip) / frames)).round().astype(int)
    ]
