"""OnnxDetector: people found by an ONNX export of YOLOX or RT-DETR, on ONNX Runtime."""

from pathlib import Path
from typing import Any

import numpy as np

from unipose.core.boxes import Detections, select_people
from unipose.core.files import require_file
from unipose.core.image_input import Image, to_rgb
from unipose.core.types import RGB
from unipose.inference.detectors.onnx_formats import FORMATS, GREY, Format, Size, Tensors
from unipose.inference.detectors.onnx_operators import operators
from unipose.runtime.onnx_session import open_session

SIDE = 640  # of the input, where the file leaves it open: the size that YOLOX and RT-DETR are trained at


class OnnxDetector:
    """The file's format, a row of `FORMATS`, is recognised by its inputs, outputs and operators."""

    refinement = "none"

    def __init__(self, weights: str | Path, threshold: float = 0.5, device: str = "cpu", threads: int = 0):
        """`threads`: inside one run; 0 means one per core. The model runs once here, to check its outputs' shapes.

        Raises FileNotFoundError, and ValueError for a file of no known format or a device that this machine lacks.
        """
        path = Path(weights)
        require_file(path, "detector file")
        self._session = open_session(path, device, threads)
        self._format = format_of(path, self._session)
        self.input_wh = input_wh(path, self._session, self._format)
        self._threshold = threshold
        self._try(path)

    def detect(self, image: Image) -> Detections:
        image = to_rgb(image)
        image_wh = image.shape[1], image.shape[0]
        boxes, scores = self._format.read(self._run(image), image_wh, self.input_wh)
        return select_people(boxes, scores, image_wh, self._threshold, self._format.max_iou)

    def _run(self, image: RGB) -> Tensors:
        names = list(self._format.outputs)
        found = self._session.run(names, self._format.feed(image, self.input_wh))
        return dict(zip(names, found, strict=True))

    def _try(self, path: Path) -> None:
        from onnxruntime.capi import onnxruntime_pybind11_state as errors

        width, height = self.input_wh
        try:
            outputs = self._run(np.full((height, width, 3), GREY, np.uint8))
        except (errors.Fail, errors.InvalidArgument, errors.RuntimeException) as error:
            raise ValueError(f"{path} does not run on {width} x {height} pixels: {error}") from error
        if not self._format.accepts(outputs, self.input_wh):
            shapes = {name: output.shape for name, output in outputs.items()}
            raise ValueError(f"{path} gives {shapes} for {width} x {height} pixels, and not {self._format}")


def format_of(path: Path, session: Any) -> Format:
    """The row of `FORMATS` that a file has. Raises ValueError that says what it has and what the known formats have."""
    inputs = {tensor.name: tensor.type for tensor in session.get_inputs()}
    outputs = {tensor.name: tensor.shape for tensor in session.get_outputs()}
    used = operators(path)
    for format in FORMATS.values():
        if format.is_of(inputs, outputs, used):
            return format
    known = "; ".join(f"{name}, {format}" for name, format in FORMATS.items())
    raise ValueError(f"{path} has inputs {inputs} and outputs {outputs}, which is no detector that is read: {known}")


def input_wh(path: Path, session: Any, format: Format) -> Size:
    """The image size that a model takes. Raises ValueError where its input is not one image of three channels."""
    pixels = next(iter(format.inputs))
    shape = {tensor.name: tensor.shape for tensor in session.get_inputs()}[pixels]
    sizes = [size if isinstance(size, int) else usual for size, usual in zip(shape, (1, 3, SIDE, SIDE), strict=False)]
    if len(shape) != 4 or sizes[:2] != [1, 3]:
        raise ValueError(f"{path} takes {pixels} of shape {shape}; one image is (1, 3, height, width)")
    return sizes[3], sizes[2]
