"""Detector: finds people's boxes in an image; the detectors there are."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from unipose.core.boxes import Detections
from unipose.core.choice import choose
from unipose.core.extras import naming_extras
from unipose.core.image_input import Image, to_rgb
from unipose.core.picture import Picture
from unipose.core.ranges import within
from unipose.core.types import RGB
from unipose.inference.detectors.finder import open_finder
from unipose.inference.detectors.onnx_detector import OnnxDetector
from unipose.inference.detectors.torchvision_detector import TorchvisionDetector

LONGEST = 1333
"""A large picture is not decoded coarser than this for its longer side: the people in it are looked at closer yet."""


class Detector(Protocol):
    """`refinement`: by what its boxes are to be replaced after a first look, where they are too loose for a pose.

    "keypoints": the box around these; "box_maps": the one that the model's own say; or "none". `input_wh`: the size to
    which it scales an image, of which a large one may then come smaller; None: it wants all pixels.
    """

    @property
    def refinement(self) -> str: ...

    @property
    def input_wh(self) -> tuple[int, int] | None: ...

    def detect(self, image: RGB) -> Detections:
        """Upright image (H, W, 3) -> the people in it; their boxes are within the image, and none is empty.

        May be called from several threads at once.
        """
        ...


@dataclass(frozen=True)
class WholeImage:
    """Takes every image to show one person: its box is the whole image."""

    refinement: str = "keypoints"
    input_wh = (1, 1)  # nothing but the size is looked at

    def detect(self, image: Image) -> Detections:
        height, width = to_rgb(image).shape[:2]
        return Detections(np.array([[0, 0, width, height]], np.float64))


def detect(detector: Detector, picture: Picture) -> Detections:
    """The people in a picture, which is decoded as finely as the detector looks."""
    width, height = picture.image_wh
    coarse = 1.0
    if detector.input_wh is not None:
        coarse = min(width / detector.input_wh[0], height / detector.input_wh[1], max(width, height) / LONGEST)
    pixels, to_pixels = picture.look(coarse)
    found = detector.detect(pixels)
    if pixels.shape[:2] == (height, width):
        return found
    edges = found.boxes_xyxy.reshape(-1, 2, 2) - 0.5  # as points, which are at pixel centres
    boxes = (to_pixels.inverse()(edges) + 0.5).reshape(-1, 4).clip(0, [width, height, width, height])
    return Detections(boxes, found.scores)


DETECTORS: dict[str, Callable[..., Detector]] = {
    "finder": open_finder,
    "whole": WholeImage,
    "box_maps": partial(WholeImage, "box_maps"),
    "torchvision": TorchvisionDetector,
    "onnx": OnnxDetector,
}
THRESHOLDS = {"finder": 0.1, "torchvision": 0.5, "onnx": 0.5}
"""The finder's is low: which of its people are shown is decided by the person score, which knows their pose."""
WEIGHTS = {
    "finder": "a model file of UniPose's finder; by default the one that comes along",
    "torchvision": "a detector of torchvision, as fasterrcnn_mobilenet_v3_large_320_fpn, or one with a file, NAME:FILE",
    "onnx": "an ONNX file of YOLOX or RT-DETR",
}
"""What the weights of a row are; the other rows have none."""


@naming_extras()
def open_detector(
    name: str,
    weights: str | None = None,
    threshold: float | None = None,
    device: str = "cpu",
    threads: int = 0,
    precision: str = "auto",
) -> Detector:
    """A row of `DETECTORS`. `threshold`: the lowest score of a detection, by default the row's in `THRESHOLDS`.

    `threads`: inside one run, 0 is one per core. `precision`: a finder's in PyTorch; the others have their own.

    Raises ValueError for a row, weights, a threshold or a device that cannot be used, FileNotFoundError for a missing
    file, and ImportError, with its `name`, for a package that is not installed.
    """
    build = choose(DETECTORS, name, "detector")
    threshold = THRESHOLDS.get(name, 0.0) if threshold is None else threshold
    within("the detector's threshold, a score,", threshold, 0, 1)
    if name not in WEIGHTS:
        if weights:
            raise ValueError(f"the detector {name!r} has no weights; leave --detector-weights {weights} out")
        return build()
    if not weights:
        raise ValueError(f"the detector {name!r} needs weights: --detector-weights is {WEIGHTS[name]}")
    own = {"precision": precision} if name == "finder" else {}
    return build(weights, threshold, device, threads, **own)
