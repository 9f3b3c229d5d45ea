"""Stream: people followed from frame to frame, each with a memory that the caller carries."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike

from unipose.core.geometry import Affine
from unipose.core.pose import Pose
from unipose.core.types import RGB, Float32
from unipose.inference.predictor import Predictor
from unipose.runtime.engines import no_state


@dataclass(frozen=True, eq=False)
class Memory:
    """What the model keeps of one person: its state (S, h, w), and the affine from the image to these maps."""

    state: Float32
    to_heatmap: Affine

    def moved(self, to_heatmap: Affine) -> Float32:
        """The state as the maps of another crop show it, so that a person's box may move from frame to frame.

        What the old crop did not see becomes 0, of which a model with memory knows that it is not known.
        """
        height, width = self.state.shape[1:]
        matrix = (to_heatmap @ self.to_heatmap.inverse()).matrix
        moved = [cv2.warpAffine(channel, matrix, (width, height), flags=cv2.INTER_LINEAR) for channel in self.state]
        return np.array(moved, np.float32).reshape(self.state.shape)


class Stream:
    """A predictor that remembers: stateless itself and safe to share between threads; memories go in and come out.

    A model without memory goes through it too; its memories are empty. Raises ValueError for a flip test, whose
    mirrored half would need a memory of its own.
    """

    def __init__(self, predictor: Predictor):
        if predictor.flip:
            raise ValueError("a stream takes no flip test: the mirrored image would need a memory of its own")
        self.predictor = predictor

    def predict(
        self, images: Sequence[RGB], boxes_xyxy: ArrayLike, memories: Sequence[Memory | None]
    ) -> tuple[list[Pose], list[Memory]]:
        """Person i is in `boxes_xyxy[i]` (N, 4) of `images[i]`, and `memories[i]` is what their last frame left.

        Several people of a frame are the same image several times; None is a person seen first. -> their poses and
        the memories for their next frame. All go through the model in batches. Raises ValueError for a box without
        area.
        """
        boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 4)
        predictor, spec = self.predictor, self.predictor.spec
        poses: list[Pose] = []
        left: list[Memory] = []
        for start in range(0, len(boxes), predictor.max_batch):
            part = slice(start, start + predictor.max_batch)
            prepared = [
                predictor.prepare(image, box, spec.margin) for image, box in zip(images[part], boxes[part], strict=True)
            ]
            to_input = [affine for _, affine in prepared]
            to_heatmap = [predictor.to_heatmap @ affine for affine in to_input]
            state = no_state(spec, len(prepared))
            for own, memory, affine in zip(state, memories[part], to_heatmap, strict=True):
                if memory is not None:
                    own[:] = memory.moved(affine)
            maps, state = predictor.runtime.step(np.stack([pixels for pixels, _ in prepared]), state)
            poses += predictor.read(maps, to_input, boxes[part])
            left += map(Memory, state, to_heatmap)
        return poses, left
