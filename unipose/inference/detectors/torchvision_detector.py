"""TorchvisionDetector: people found by a detection model of torchvision, trained on COCO."""

import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from unipose.core.boxes import Detections, select_people
from unipose.core.files import require_file
from unipose.core.image_input import Image, to_rgb
from unipose.runtime.torch_device import torch_device

PERSON = 1  # of torchvision's COCO categories, where 0 is the background


class TorchvisionDetector:
    """Any model of torchvision.models.detection, which resizes, normalises and suppresses duplicates itself."""

    refinement = "none"
    input_wh = None

    def __init__(self, weights: str, threshold: float = 0.5, device: str = "cpu", threads: int = 0):
        """`weights`: a builder's name, whose published weights are downloaded and their hash checked, or BUILDER:FILE
        with a state dict (.pth, .safetensors) for it.

        Raises FileNotFoundError, and ValueError for a builder, a file or a device that cannot be used.
        """
        import torch

        if threads:
            torch.set_num_threads(threads)
        self._device = torch_device(device)
        self._model = load_detector(weights).eval().to(self._device)
        self._threshold = threshold

    def detect(self, image: Image) -> Detections:
        import torch

        image = to_rgb(image)
        planes = torch.from_numpy(image.transpose(2, 0, 1).astype(np.float32) / np.float32(255))
        with torch.inference_mode():
            [found] = self._model([planes.to(self._device)])
        labels, boxes, scores = (found[key].cpu().numpy() for key in ("labels", "boxes", "scores"))
        person = labels == PERSON
        return select_people(boxes[person], scores[person], (image.shape[1], image.shape[0]), self._threshold)


def load_detector(weights: str) -> Any:
    """The model that BUILDER or BUILDER:FILE names. Raises FileNotFoundError and ValueError."""
    from torchvision.models import detection, get_model, list_models

    builder, local, file = weights.partition(":")
    if builder not in list_models(detection):
        raise ValueError(
            f"torchvision has no detector {builder!r}; choose one of {', '.join(list_models(detection))}, "
            "or for your own weights of one BUILDER:FILE"
        )
    try:
        if not local:
            return get_model(builder, weights="DEFAULT")
        model = get_model(builder, weights=None, weights_backbone=None)
        model.load_state_dict(_read(Path(file)))
    except RuntimeError as error:  # names or shapes that do not fit; a download whose hash is another
        said = textwrap.shorten(str(error), 300)  # where names do not fit, torch lists all of them
        raise ValueError(f"the weights {weights} cannot be used: {said}") from error
    return model


def _read(path: Path) -> Any:
    from unipose.modeling.pretrained import read_weights

    require_file(path, "detector file")
    return read_weights(path)
