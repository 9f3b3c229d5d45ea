"""RecurrentPredictor: people followed from frame to frame, each with a state that the caller carries."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike

from unipose.core.geometry import Affine
from unipose.core.image_input import Image, to_rgbs
from unipose.core.picture import Picture
from unipose.core.pose import Pose
from unipose.core.types import Float32
from unipose.inference.predictor import Predictor
from unipose.runtime.runtime import no_state


@dataclass(frozen=True, eq=False)
class RecurrentState:
    """What the model keeps of one person: its maps (S, h, w), and the affine from the image to these maps."""

    maps: Float32
    to_heatmap: Affine

    def warped(self, to_heatmap: Affine) -> Float32:
        """The maps resampled into another crop, so that a person's box may move from frame to frame -> (S, h, w).

        What lies outside the old crop becomes 0, which the model takes for unknown.
        """
        height, width = self.maps.shape[1:]
        matrix = (to_heatmap @ self.to_heatmap.inverse()).matrix
        warped = [cv2.warpAffine(channel, matrix, (width, height), flags=cv2.INTER_LINEAR) for channel in self.maps]
        return np.array(warped, np.float32).reshape(self.maps.shape)


class RecurrentPredictor:
    """A predictor for a recurrent model. Keeps no state itself, so threads may share it: states go in and come out.

    A model of single frames works too; its states are empty. Raises ValueError for a predictor with flip test, whose
    mirrored half would need a state of its own.
    """

    def __init__(self, predictor: Predictor):
        if predictor.flip:
            raise ValueError("a recurrent model takes no flip test: the mirrored image would need a state of its own")
        self.predictor = predictor

    def predict(
        self, images: Sequence[Image], boxes_xyxy: ArrayLike, states: Sequence[RecurrentState | None]
    ) -> tuple[list[Pose], list[RecurrentState]]:
        """Person i is in `boxes_xyxy[i]` (N, 4) of `images[i]`; `states[i]` is from their last frame, None at first.

        -> their poses, and their states for the next frame. Several people of one frame pass its image several times.
        All go through the model in batches. Raises ValueError for what is no image, and for a box without
        area.
        """
        images = to_rgbs(images)
        boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 4)
        predictor, spec = self.predictor, self.predictor.spec
        poses: list[Pose] = []
        next_states: list[RecurrentState] = []
        for start in range(0, len(boxes), predictor.max_batch):
            part = slice(start, start + predictor.max_batch)
            people = zip(images[part], boxes[part, None], strict=True)
            looks = [predictor.crop(Picture(image), box, spec.margin) for image, box in people]
            crops, to_input = np.concatenate([crop for crop, _ in looks]), [affine for _, [affine] in looks]
            to_heatmap = [predictor.input_to_heatmap @ affine for affine in to_input]
            state = no_state(spec, len(crops))
            for own, last, affine in zip(state, states[part], to_heatmap, strict=True):
                if last is not None:
                    own[:] = last.warped(affine)
            peaks, state = predictor.runtime.find_next(crops, state, predictor.decoder)
            poses += predictor.read(peaks, to_input, boxes[part])
            next_states += map(RecurrentState, state, to_heatmap)
        return poses, next_states
