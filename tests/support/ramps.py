"""Images whose colours tell positions, and a runtime that reads keypoints off them exactly."""

import numpy as np

from unipose.core import heatmap
from unipose.core.model_spec import ModelSpec
from unipose.runtime.runtime import MapReader, no_state

RAMP_SIZES = [(310, 230), (250, 333), (300, 300)]

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


class RampReader(MapReader):
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

    def step(self, batch: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.run(batch), state


class RecurrentRampReader(RampReader):
    """Finds the keypoints of a ramp image, and where it sees nothing repeats the maps of the frame before."""

    def __init__(self, spec: ModelSpec):
        super().__init__(ModelSpec(**{**vars(spec), "network": {"lstm_channels": 1}}))
        self.states: list[np.ndarray] = []

    def run(self, batch):
        return self.step(batch, no_state(self.spec, len(batch)))[0]

    def step(self, batch, state):
        self.states.append(state)
        maps = state[:, 2:-1].copy()
        for i, image in enumerate(batch):
            if image.std(axis=(1, 2)).any():
                [maps[i]] = super().run(image[None])
        return maps, np.concatenate([state[:, :2] + 1, maps, np.ones_like(state[:, -1:])], axis=1)
