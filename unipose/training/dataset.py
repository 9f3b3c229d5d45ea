"""PoseDataset: records to training samples; ONE affine moves pixels and points."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor

from unipose.core import heatmap
from unipose.core.geometry import Affine
from unipose.core.image import normalise, read_image, warp
from unipose.core.model_spec import ModelSpec
from unipose.datasets.records import Record, clips
from unipose.training.augment import Appearance, RandomAffine


class Sample(TypedDict):
    """image (3, H, W), target (K, h, w), weight (K,) float32, a clip's led by time T; index of the record or window."""

    image: Tensor
    target: Tensor
    weight: Tensor
    index: int


class Batch(TypedDict):
    """What a loader makes of B samples: the same with a leading B; index (B,)."""

    image: Tensor
    target: Tensor
    weight: Tensor
    index: Tensor


class PoseDataset(torch.utils.data.Dataset[Sample]):
    """Sample i depends on (seed, epoch, i) alone, so that any number of workers gives the same training.

    Without `affine` and `appearance` nothing is random. A keypoint without label, or outside the crop, has weight 0.

    With a `window` of T a sample is T consecutive frames of a clip, in which one affine and one change of appearance
    keep the motion true. The crop is that of their mean box, so that people are as large in it as in a single frame's.
    Raises ValueError where no clip is long enough.
    """

    def __init__(
        self,
        records: Sequence[Record],
        spec: ModelSpec,
        affine: RandomAffine | None = None,
        appearance: Appearance | None = None,
        seed: int = 0,
        window: int = 0,
    ):
        self.windows = _windows(records, window) if window else [(record,) for record in records]
        if window and not self.windows:
            raise ValueError(f"no clip has {window} consecutive frames: lower data.window")
        self.of_clips = window > 0
        self.spec = spec
        self.affine = affine
        self.appearance = appearance
        self.seed = seed
        self.epoch = 0

    @property
    def frames(self) -> int:
        """In each sample."""
        return len(self.windows[0])

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, index: int) -> Sample:
        image, target, weight = (part if self.of_clips else part[0] for part in self.window(index))
        return Sample(image=image, target=target, weight=weight, index=index)

    def window(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """image (T, 3, H, W), target (T, K, h, w), weight (T, K): all frames are cropped and changed alike."""
        records, spec = self.windows[index], self.spec
        rng = np.random.default_rng((self.seed, self.epoch, index))
        boxes = np.array([record.box_xyxy for record in records])
        last = replace(records[-1], box_xyxy=boxes.mean(axis=0))
        to_input, mirrored = Affine.fit(last.box_xyxy, spec.input_wh, spec.margin), False
        if self.affine:
            to_input, mirrored = self.affine.draw(rng, last, spec.skeleton, spec.input_wh, spec.margin)
        pixels = [warp(read_image(record.image_path), to_input, spec.input_wh) for record in records]
        if self.appearance:
            look = int(rng.integers(2**31))
            pixels = [self.appearance(frame, look) for frame in pixels]

        order = list(spec.skeleton.mirror) if mirrored else slice(None)
        to_heatmap = heatmap.from_input(spec.input_wh, spec.stride) @ to_input
        xy_heatmap = [to_heatmap(record.xy_image[order]) for record in records]
        labelled = [record.labelled[order] for record in records]
        weight = [heatmap.inside(xy, known, spec.heatmap_wh) for xy, known in zip(xy_heatmap, labelled, strict=True)]
        target = [
            heatmap.encode(xy, known, spec.heatmap_wh, spec.sigma) for xy, known in zip(xy_heatmap, weight, strict=True)
        ]
        image = np.stack([normalise(frame, spec.mean, spec.std) for frame in pixels])
        return (
            torch.from_numpy(image),
            torch.from_numpy(np.stack(target)),
            torch.from_numpy(np.array(weight, np.float32)),
        )


def _windows(records: Sequence[Record], frames: int) -> list[tuple[Record, ...]]:
    """A clip's windows lie side by side, the last ends with it; a clip shorter than `frames` has none."""
    return [
        clip[start : start + frames]
        for clip in clips(records)
        if len(clip) >= frames
        for start in np.linspace(0, len(clip) - frames, ceil(len(clip) / frames)).round().astype(int)
    ]
