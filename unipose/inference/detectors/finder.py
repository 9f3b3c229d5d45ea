"""Finder: people found by UniPose itself, with a network of five maps (`core.box_maps`)."""

from pathlib import Path

import numpy as np

from unipose.core import box_maps
from unipose.core.boxes import Detections, select_people
from unipose.core.geometry import Affine
from unipose.core.image import normalise, warp
from unipose.core.types import RGB
from unipose.runtime.engines import open_runtime

MAX_IOU = 0.6  # of two boxes of different people


class Finder:
    """Each image is stretched to the network's input, which finds more people than an input that keeps proportions."""

    needs_refinement = False

    def __init__(self, weights: str | Path, threshold: float = 0.1, device: str = "cpu", threads: int = 0):
        """`weights`: a model file, .onnx or .safetensors.

        Raises FileNotFoundError, and ValueError for a file that is no finder or a device that this machine lacks.
        """
        self._runtime = open_runtime(weights, device=device, threads=threads)
        self._threshold = threshold
        if self._runtime.spec.kind != "finder":
            raise ValueError(f"{weights} is a {self._runtime.spec.kind} model, not a finder")

    def detect(self, image: RGB) -> Detections:
        spec = self._runtime.spec
        image_wh = image.shape[1], image.shape[0]
        to_input = Affine.resize(image_wh, spec.input_wh)
        pixels = normalise(warp(image, to_input, spec.input_wh), spec.mean, spec.std)
        boxes, scores = box_maps.decode(self._runtime.run(pixels[None])[0], self._threshold)
        boxes *= np.tile(np.divide(image_wh, spec.heatmap_wh), 2)
        return select_people(boxes, scores, image_wh, self._threshold, MAX_IOU)
