"""Detectors: where the people are, when nobody gave boxes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from unipose.core.types import RGB, Float64
from unipose.inference.detectors.onnx_detector import OnnxDetector
from unipose.inference.detectors.torchvision_detector import TorchvisionDetector


class Detector(Protocol):
    """`rough` boxes only contain their person somewhere: the pose found in one gives a better one for a second pass."""

    @property
    def rough(self) -> bool: ...

    def detect(self, image: RGB) -> Float64:
        """Upright (H, W, 3) -> box_xyxy (N, 4) at pixel edges, the best first, within the image and never empty.

        May be called from several threads at once.
        """
        ...


@dataclass(frozen=True)
class WholeImage:
    """The photograph shows one person: the whole of it is the box."""

    rough: bool = True

    def detect(self, image: RGB) -> Float64:
        height, width = image.shape[:2]
        return np.array([[0, 0, width, height]], np.float64)


DETECTORS: dict[str, Callable[..., Detector]] = {
    "whole": WholeImage,
    "torchvision": TorchvisionDetector,
    "onnx": OnnxDetector,
}
# What the weights of a row are; the others have none.
WEIGHTS = {
    "torchvision": "a detector of torchvision, as fasterrcnn_mobilenet_v3_large_320_fpn, or one with a file, NAME:FILE",
    "onnx": "an ONNX file of YOLOX or RT-DETR",
}


def open_detector(
    name: str, weights: str | None = None, threshold: float = 0.5, device: str = "cpu", threads: int = 0
) -> Detector:
    """A row of `DETECTORS`. `threshold`: the least score of a person; `threads`: inside one run, 0 is one per core.

    Raises ValueError for a row, weights, a threshold or a device that cannot be, FileNotFoundError for a missing file,
    and ImportError with the `name` of a package that this row needs.
    """
    if name not in DETECTORS:
        raise ValueError(f"no detector {name!r}; choose one of {', '.join(DETECTORS)}")
    if not 0 <= threshold <= 1:
        raise ValueError(f"the detector's threshold is a score from 0 to 1, got {threshold}")
    if name not in WEIGHTS:
        if weights:
            raise ValueError(f"the detector {name!r} has no weights; leave --detector-weights {weights} out")
        return DETECTORS[name]()
    if not weights:
        raise ValueError(f"the detector {name!r} needs weights: --detector-weights is {WEIGHTS[name]}")
    return DETECTORS[name](weights, threshold, device, threads)
