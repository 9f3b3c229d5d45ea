"""FinderDataset: training samples of a finder from whole images; one affine moves an image and its boxes alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from unipose.core.box_maps import encode
from unipose.core.geometry import Affine
from unipose.core.image import read_image, warp
from unipose.core.model_spec import ModelSpec
from unipose.core.types import RGB, Bool, Boxes, Float64
from unipose.datasets.records import RecordSet
from unipose.training.augment import Appearance, RandomView
from unipose.training.dataset import EpochDataset, Sample

MIN_SEEN = 0.35  # of a box's area, for its person to be asked for
MIN_WH = (5, 12)  # of a box's visible part, in pixels of the input
MIN_IGNORED = 4.0  # square pixels


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """box_xyxy (N, 4) of the people in an image, and which of them are crowds (N,); `complete`: nobody lacks a box."""

    path: Path
    boxes_xyxy: Boxes
    crowd: Bool
    complete: bool


def labelled_images(record_set: RecordSet) -> list[LabelledImage]:
    """All of a set's images, those without people too. Raises FileNotFoundError where one is missing."""
    record_set.require_images()
    images = []
    for image_id, path in record_set.images.items():
        people = record_set.boxes.get(image_id)
        boxes, crowd = (people.boxes_xyxy, people.crowd) if people else (np.zeros((0, 4)), np.zeros(0, bool))
        images.append(LabelledImage(path, boxes, crowd, record_set.complete))
    return images


class FinderDataset(EpochDataset):
    """Training samples of whole images.

    A sample is a random view of image i or, with the probability `mosaic`, four views of half the size, of image i and
    three others. Without `view` and `appearance` nothing is random: image i as the finder sees it.

    A crowd, and a person of whom too little is seen or who is too small, is neither asked for nor punished, but within
    the boxes of those who are asked for. In an image that is not `complete` finding somebody is judged within these
    boxes alone, so that such sets teach what people look like, and complete ones where nobody is.
    """

    frames = 1

    def __init__(
        self,
        images: Sequence[LabelledImage],
        spec: ModelSpec,
        view: RandomView | None = None,
        appearance: Appearance | None = None,
        seed: int = 0,
        mosaic: float = 0.0,
        plain_from: int | None = None,
    ):
        super().__init__(seed, appearance, plain_from)
        self.images, self.spec, self.view, self.mosaic = images, spec, view, mosaic

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Sample:
        rng, indices = self._draw(index)
        spec = self.spec
        pixels, boxes, ignored = (
            self._mosaic(rng, indices) if len(indices) > 1 else self._view(rng, index, spec.input_wh)
        )
        if self.appearance:
            pixels = self.appearance(pixels, int(rng.integers(2**31)))
        target = encode(boxes / spec.stride, ignored, spec.heatmap_wh)
        return Sample(
            image=torch.from_numpy(np.ascontiguousarray(pixels)),
            target=torch.from_numpy(np.concatenate([target.centre[None], target.edges_xyxy])),
            weight=torch.from_numpy(np.stack([target.counted.astype(np.float32), target.weight])),
            index=index,
        )

    def image_paths(self, index: int) -> list[Path]:
        """What a sample is made of."""
        return [self.images[i].path for i in self._draw(index)[1]]

    def _draw(self, index: int) -> tuple[np.random.Generator, list[int]]:
        """A sample's source of randomness, and its images."""
        rng = self.rng(index)
        others = rng.integers(len(self), size=3).tolist() if rng.random() < self.mosaic else []
        return rng, [index, *others]

    def _mosaic(self, rng: np.random.Generator, indices: Sequence[int]) -> tuple[RGB, Boxes, Bool]:
        width, height = self.spec.input_wh
        wide, high = width // 2, height // 2  # without a remainder, as the maps' stride divides both sides
        pixels = np.empty((height, width, 3), np.uint8)
        boxes, ignored = [], []
        for index, left, top in zip(indices, (0, wide, 0, wide), (0, 0, high, high), strict=True):
            quarter, its_boxes, its_ignored = self._view(rng, index, (wide, high))
            pixels[top : top + high, left : left + wide] = quarter
            boxes.append(its_boxes + (left, top, left, top))
            ignored.append(its_ignored)
        return pixels, np.concatenate(boxes), np.concatenate(ignored)

    def _view(self, rng: np.random.Generator, index: int, size_wh: tuple[int, int]) -> tuple[RGB, Boxes, Bool]:
        """A view of an image: pixels (h, w, 3), the boxes in it (N, 4), and which of them are ignored (N,)."""
        source = self.images[index]
        image = read_image(source.path)
        image_wh = (image.shape[1], image.shape[0])
        people = source.boxes_xyxy[~source.crowd]
        affine = self.view.draw(rng, image_wh, people, size_wh) if self.view else Affine.resize(image_wh, size_wh)
        boxes, ignored = boxes_in_view(affine, source.boxes_xyxy, source.crowd, size_wh)
        if not source.complete:
            boxes, ignored = np.vstack([boxes, [0, 0, *size_wh]]), np.append(ignored, True)
        return warp(image, affine, size_wh), boxes, ignored


def boxes_in_view(affine: Affine, boxes_xyxy: Boxes, crowd: Bool, size_wh: tuple[int, int]) -> tuple[Boxes, Bool]:
    """An image's boxes (N, 4), moved by an affine that does not turn -> those seen in a view of this size, clipped to
    it, and which of them are `ignored`: crowds, people of whom too little is seen, and people too small.
    """
    corners = affine(boxes_xyxy.reshape(-1, 2, 2) - 0.5) + 0.5  # an affine moves pixel centres, boxes are at edges
    whole = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    seen: Float64 = whole.clip(0, [*size_wh, *size_wh])
    sides, area = seen[:, 2:] - seen[:, :2], (whole[:, 2:] - whole[:, :2]).prod(axis=1)
    clear = (sides.prod(axis=1) > MIN_SEEN * area) & (sides >= MIN_WH).all(axis=1) & ~crowd
    there = clear | (sides.prod(axis=1) > MIN_IGNORED)
    return seen[there], ~clear[there]
