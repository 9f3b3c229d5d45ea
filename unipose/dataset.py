"""PoseDataset: records to training samples; ONE affine moves pixels and points."""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor

from unipose import heatmap
from unipose.augment import Appearance, RandomAffine
from unipose.geometry import Affine
from unipose.image import normalise, read_image, warp
from unipose.records import Record
from unipose.spec import ModelSpec


class Sample(TypedDict):
    """image (3, H, W), target (K, h, w), weight (K,) float32; index of the record."""

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
    """

    def __init__(
        self,
        records: Sequence[Record],
        spec: ModelSpec,
        affine: RandomAffine | None = None,
        appearance: Appearance | None = None,
        seed: int = 0,
    ):
        self.records = records
        self.spec = spec
        self.affine = affine
        self.appearance = appearance
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Sample:
        record, spec = self.records[index], self.spec
        rng = np.random.default_rng((self.seed, self.epoch, index))
        to_input, mirrored = Affine.fit(record.box_xyxy, spec.input_wh, spec.margin), False
        if self.affine:
            to_input, mirrored = self.affine.draw(rng, record, spec.skeleton, spec.input_wh, spec.margin)
        pixels = warp(read_image(record.image_path), to_input, spec.input_wh)
        if self.appearance:
            pixels = self.appearance(pixels, int(rng.integers(2**31)))

        order = list(spec.skeleton.mirror) if mirrored else slice(None)
        xy_image, labelled = record.xy_image[order], record.labelled[order]
        xy_heatmap = (heatmap.from_input(spec.input_wh, spec.stride) @ to_input)(xy_image)
        weight = heatmap.inside(xy_heatmap, labelled, spec.heatmap_wh)
        target = heatmap.encode(xy_heatmap, weight, spec.heatmap_wh, spec.sigma)
        return Sample(
            image=torch.from_numpy(normalise(pixels, spec.mean, spec.std)),
            target=torch.from_numpy(target),
            weight=torch.from_numpy(weight.astype(np.float32)),
            index=index,
        )
