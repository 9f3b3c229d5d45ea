"""Resident: all training pictures on the training's device, where crops, appearance and targets are computed."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from unipose.core.hardware import cores
from unipose.core.image import open_image, read_image
from unipose.core.model_spec import ModelSpec
from unipose.modeling.warp import Pictures, starts_of, warp
from unipose.training.dataset import Batch, PoseDataset
from unipose.training.device_appearance import Change, draw_change, make_changes

SHARE = 0.8  # of a device's free memory: the most that pictures take, for the training needs some too


class Plan(NamedTuple):
    """A sample of T frames (1 of a single image) but for its pixels; to a batch with B in front of each tensor.

    which (T,): the frames' pictures; affine (2, 3) float64, from image to input; xy_heatmap (T, K, 2), known (T, K);
    the change of their appearance; which sample it is.
    """

    which: Tensor
    affine: Tensor
    xy_heatmap: Tensor
    known: Tensor
    change: Change
    sample: int


class Plans(torch.utils.data.Dataset[Plan]):
    """What the loader's processes do for a `PoseDataset`'s samples: they draw what is random, and read no image."""

    def __init__(self, dataset: PoseDataset):
        self.dataset = dataset
        self.paths = list(dict.fromkeys(record.image_path for window in dataset.windows for record in window))
        self._places = {path: place for place, path in enumerate(self.paths)}

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Plan:
        dataset = self.dataset
        drawn = dataset.draw(index)
        labels = [dataset.label(record, drawn) for record in drawn.records]
        return Plan(
            torch.tensor([self._places[record.image_path] for record in drawn.records]),
            torch.from_numpy(drawn.to_input.matrix),
            torch.from_numpy(np.array([xy for xy, _ in labels], np.float32)),
            torch.from_numpy(np.array([known for _, known in labels])),
            draw_change(dataset.appearance, drawn.seed, dataset.spec.input_wh),
            index,
        )


class ResidentLoader:
    """Batches, as a DataLoader of the dataset itself gives them, but on the device, from the plans of their samples."""

    def __init__(self, plans: Iterable[Plan], pictures: Pictures, spec: ModelSpec, with_time: bool):
        self.plans, self.pictures, self.spec, self.with_time = plans, pictures, spec, with_time

    def __iter__(self) -> Iterator[Batch]:
        return map(self.make, self.plans)

    def make(self, plan: Plan) -> Batch:
        """The batch of a plan with B in front of each tensor."""
        device, shape = self.pictures.pixels.device, plan.which.shape
        affines = plan.affine[:, None].expand(*shape, 2, 3).flatten(0, 1)
        crops = warp(self.pictures, affines, self.spec.input_wh, plan.which.flatten())
        change = Change(*(part.repeat_interleave(shape[1], dim=0) for part in plan.change))
        image = make_changes(crops, change).to(torch.uint8).permute(0, 2, 3, 1)
        image = image.view(*shape, *image.shape[1:])
        known = plan.known.to(device, non_blocking=True)
        target = gaussians(plan.xy_heatmap.to(device, non_blocking=True), known, self.spec.heatmap_wh, self.spec.sigma)
        parts = (image, target, known.float())
        image, target, weight = parts if self.with_time else (part.squeeze(1) for part in parts)
        return Batch(image=image, target=target, weight=weight, index=torch.as_tensor(plan.sample))


def gaussians(xy_heatmap: Tensor, drawn: Tensor, size_wh: tuple[int, int], sigma: float) -> Tensor:
    """`heatmap.gaussians` on a device: xy_heatmap (..., K, 2), drawn (..., K) -> (..., K, h, w)."""
    x, y = xy_heatmap[..., None].unbind(-2)
    row, column = (
        torch.exp(-((torch.arange(side, device=at.device, dtype=torch.float32) - at) ** 2) / (2 * sigma**2))
        for side, at in zip(size_wh, (x, y), strict=True)
    )
    return column[..., None] * row[..., None, :] * drawn[..., None, None]


def load_pictures(paths: Sequence[Path], device: torch.device) -> Pictures:
    """Decode image files onto the device. Raises what `read_image` does, and ValueError where they do not fit."""
    with ThreadPoolExecutor(cores()) as pool:
        stored_wh = torch.tensor(list(pool.map(lambda path: open_image(path).size_wh, paths)))
        needed, free = 3 * int(stored_wh.prod(1).sum()), free_bytes(device)
        if free is not None and needed > SHARE * free:
            raise ValueError(
                f"data.resident=gpu needs {needed / 1e9:.1f} GB for {len(paths)} pictures, and of the "
                f"{free / 1e9:.1f} GB that are free on {device} they may take {SHARE:.0%}: leave data.resident out"
            )
        pixels = torch.empty(needed // 3, 3, dtype=torch.uint8, device=device)
        starts = starts_of(stored_wh)

        def load(place: int) -> tuple[int, int]:
            image = torch.tensor(read_image(paths[place]))  # upright: its sides may be swapped
            height, width = image.shape[:2]
            start = int(starts[place])
            pixels[start : start + width * height] = image.reshape(-1, 3).to(device)
            return width, height

        sizes_wh = torch.tensor(list(pool.map(load, range(len(paths)))))
    return Pictures(pixels, starts, sizes_wh)


def free_bytes(device: torch.device) -> int | None:
    """Of the device's memory; None where the system does not say."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    report = Path("/proc/meminfo")
    lines = report.read_text(encoding="utf-8").splitlines() if report.exists() else []
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")), None)
