"""Runtime: a loaded model, from pixels to keypoints or to heatmaps, whatever engine runs it."""

from abc import ABC, abstractmethod
from typing import Protocol

import numpy as np

from unipose.core import heatmap
from unipose.core.heatmap import Peaks
from unipose.core.image import normalise
from unipose.core.model_spec import ModelSpec
from unipose.core.types import RGB, Float32


class Runtime(Protocol):
    """A loaded model. All methods may be called from several threads at once, with any B from 1 up."""

    @property
    def spec(self) -> ModelSpec: ...

    @property
    def engine(self) -> str:
        """The row of `ENGINES` that runs the model."""
        ...

    @property
    def copies(self) -> int:
        """How many calls are worth making at the same time."""
        ...

    @property
    def largest(self) -> int:
        """The largest batch that is worth making; a larger one works too."""
        ...

    def run(self, batch: Float32) -> Float32:
        """(B, 3, H, W) normalised pixels -> (B, K, h, w) heatmaps; a recurrent model's first frame."""
        ...

    def step(self, batch: Float32, state: Float32) -> tuple[Float32, Float32]:
        """A recurrent model's step: the next frame of B clips and their states (`no_state` before the first frame) ->
        heatmaps and next states. Any other model returns the states as they are.
        """
        ...

    def find(self, crops: RGB, decoder: str = "dark", flip: bool = False) -> Peaks:
        """Crops (B, H, W, 3) -> their keypoints, read by a row of `heatmap.DECODERS`.

        `flip`: off the mean of the heatmaps and those of the mirrored crops.
        """
        ...

    def find_next(self, crops: RGB, state: Float32, decoder: str = "dark") -> tuple[Peaks, Float32]:
        """`step`, but from crops to keypoints."""
        ...


def no_state(spec: ModelSpec, count: int) -> Float32:
    """The state of `count` clips before their first frame: zeros (count, state_channels, h, w)."""
    width, height = spec.heatmap_wh
    return np.zeros((count, spec.state_channels, height, width), np.float32)


class MapReader(ABC):
    """What runs a model to its heatmaps finds keypoints with numpy around it."""

    spec: ModelSpec
    largest = 32

    @abstractmethod
    def run(self, batch: Float32) -> Float32: ...

    @abstractmethod
    def step(self, batch: Float32, state: Float32) -> tuple[Float32, Float32]: ...

    def find(self, crops: RGB, decoder: str = "dark", flip: bool = False) -> Peaks:
        inputs = self._normalised(crops)
        if not flip:
            return self._read(self.run(inputs), decoder)
        straight, mirrored = np.split(self.run(np.concatenate([inputs, inputs[..., ::-1]])), 2)
        maps = np.float32(0.5) * (straight + heatmap.mirror(mirrored, self.spec.skeleton.mirror))
        return self._read(maps, decoder)

    def find_next(self, crops: RGB, state: Float32, decoder: str = "dark") -> tuple[Peaks, Float32]:
        maps, state = self.step(self._normalised(crops), state)
        return self._read(maps, decoder), state

    def _normalised(self, crops: RGB) -> Float32:
        return normalise(crops, self.spec.mean, self.spec.std)

    def _read(self, maps: Float32, decoder: str) -> Peaks:
        return heatmap.decode(maps, decoder, self.spec.sigma)


class Engine(MapReader):
    """What all engines share: a model takes images, a recurrent one images and state."""

    def run(self, batch: Float32) -> Float32:
        if self.spec.state_channels:
            return self.step(batch, no_state(self.spec, len(batch)))[0]
        [maps] = self._infer(batch)
        return maps

    def step(self, batch: Float32, state: Float32) -> tuple[Float32, Float32]:
        if not self.spec.state_channels:
            return self.run(batch), state
        maps, state = self._infer(batch, state)
        return maps, state

    @abstractmethod
    def _infer(self, *inputs: Float32) -> list[Float32]:
        """All inputs of the model -> its heatmaps and, of a recurrent one, next states."""
