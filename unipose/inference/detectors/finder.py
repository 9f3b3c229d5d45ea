"""Finder: people found by UniPose itself, with a network of five maps (`core.box_maps`)."""

from pathlib import Path

import numpy as np

from unipose.core import box_maps
from unipose.core.boxes import Detections, select_people
from unipose.core.geometry import Affine
from unipose.core.image import normalise, warp
from unipose.core.image_input import Image, to_rgb
from unipose.core.types import RGB, Float32
from unipose.runtime.engines import open_runtime
from unipose.runtime.runtime import Runtime

MAX_IOU = 0.6  # of two boxes of different people


class Finder:
    """Each image is stretched to the network's input, which finds more people than an input that keeps proportions.

    `threshold`: the lowest score of a detection. Raises ValueError for a runtime whose model is no finder.
    """

    refinement = "none"

    def __init__(self, runtime: Runtime, threshold: float = 0.1):
        self.runtime, self.spec, self.threshold = runtime, runtime.spec, threshold
        self.input_wh = self.spec.input_wh
        if self.spec.kind != "finder":
            raise ValueError(f"{self.spec.name} is a {self.spec.kind} model, not a finder")

    def detect(self, image: Image) -> Detections:
        image = to_rgb(image)
        [found] = self.read(self.runtime.run(self.prepare(image)[None]), [(image.shape[1], image.shape[0])])
        return found

    def prepare(self, image: RGB) -> Float32:
        """-> the model's input (3, H, W)."""
        to_input = Affine.resize((image.shape[1], image.shape[0]), self.spec.input_wh)
        return normalise(warp(image, to_input, self.spec.input_wh), self.spec.mean, self.spec.std)

    def read(self, maps: Float32, sizes_wh: list[tuple[int, int]]) -> list[Detections]:
        """Maps (n, 5, h, w) and the images' sizes -> the people in each."""
        found = []
        for one, image_wh in zip(maps, sizes_wh, strict=True):
            boxes, scores = box_maps.decode(one, self.threshold)
            boxes *= np.tile(np.divide(image_wh, self.spec.heatmap_wh), 2)
            found.append(select_people(boxes, scores, image_wh, self.threshold, MAX_IOU))
        return found


def open_finder(
    weights: str | Path, threshold: float, device: str = "cpu", threads: int = 0, precision: str = "auto"
) -> Finder:
    """`weights`: a model file, .onnx, which is run as it is, or .safetensors.

    Raises FileNotFoundError, and ValueError for a file that is no finder or a device that this machine lacks.
    """
    if Path(weights).suffix != ".safetensors":
        precision = "auto"
    return Finder(open_runtime(weights, device=device, threads=threads, precision=precision), threshold)
