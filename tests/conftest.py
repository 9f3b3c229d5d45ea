"""What several test modules share: real data where UNIPOSE_DATA names it, and a model that finds known points."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from unipose import heatmap
from unipose.skeleton import SKELETONS
from unipose.spec import ModelSpec

torch.set_num_threads(1)  # small tensors: more threads only wait for each other


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the official data sets' archives."""
    folder = os.environ.get("UNIPOSE_DATA")
    if not folder:
        pytest.skip("needs real data: set UNIPOSE_DATA to the folder with the data sets' zip files")
    return Path(folder)


# Arguments of a network small enough to be built, trained and exported in tests.
SMALL_NETWORK = {
    "trunk": "res2net_s",
    "output_stride": 16,
    "multi_grid": [1, 1, 1],
    "wasp_channels": 16,
    "wasp_rates": [1, 2],
    "wasp_shared": True,
    "decoder_channels": 16,
    "dropout": 0.1,
    "activation": "softmax",
}


@pytest.fixture
def spec() -> ModelSpec:
    return ModelSpec(
        name="ramp", version="1", skeleton=SKELETONS["lsp14"], input_wh=(64, 96), stride=4, sigma=1.5, margin=1.25,
        mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25),
    )  # fmt: skip


# Where keypoint k of every `ramp_image` is, in fractions of its size: well apart, nowhere near symmetric.
FRACTIONS = np.stack([0.35 + 0.04 * np.arange(14), 0.2 + 0.6 * (np.arange(14) * 5 % 14) / 14], 1)


def ramp_image(size_wh: tuple[int, int]) -> np.ndarray:
    """An image whose red grows with x and green with y, so that any resampling of it still says where it came from."""
    width, height = size_wh
    image = np.full((height, width, 3), 255, np.uint8)
    image[..., 0] = np.round(255 * (np.arange(width) + 0.5) / width)
    image[..., 1] = np.round(255 * (np.arange(height)[:, None] + 0.5) / height)
    return image


def ramp_joints(size_wh: tuple[int, int]) -> np.ndarray:
    """Where a `RampReader` must find the keypoints of a ramp image: (K, 2) at pixel centres."""
    return FRACTIONS * size_wh - 0.5


class RampReader:
    """A runtime that reads positions off a ramp image, exactly: it follows a point through every affine on the way."""

    engine = "ramp"
    copies = 1

    def __init__(self, spec: ModelSpec):
        self.spec = spec
        self.batches: list[int] = []

    def run(self, batch: np.ndarray) -> np.ndarray:
        self.batches.append(len(batch))
        std, mean = (np.array(v, np.float32)[:, None, None] for v in (self.spec.std, self.spec.mean))
        to_heatmap = heatmap.from_input(self.spec.input_wh, self.spec.stride)
        maps = []
        for red, green, blue in batch * std + mean:
            rows, columns = np.nonzero(blue > 0.999)  # inside the image
            ones = np.ones(len(rows))
            ramp, *_ = np.linalg.lstsq(
                np.stack([columns, rows, ones], 1), np.stack([red[rows, columns], green[rows, columns]], 1), rcond=None
            )
            xy_input = np.linalg.solve(ramp[:2].T, (FRACTIONS - ramp[2]).T).T
            maps.append(heatmap.encode(to_heatmap(xy_input), np.ones(14, bool), self.spec.heatmap_wh, self.spec.sigma))
        return np.stack(maps)


@pytest.fixture
def ramp_reader(spec: ModelSpec) -> RampReader:
    return RampReader(spec)
