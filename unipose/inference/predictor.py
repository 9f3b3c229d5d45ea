"""Predictor: images in, poses out; prepare -> run -> read, batched over people and images."""

from collections.abc import Generator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from unipose.core import heatmap
from unipose.core.geometry import Affine
from unipose.core.image import normalise, warp
from unipose.core.pose import SURE, Pose
from unipose.core.types import RGB, Float32, Float64
from unipose.inference.detectors.detector import Detector, WholeImage
from unipose.runtime.engines import Runtime

# A person's way through the model: yields prepared inputs (n, 3, H, W), is sent their maps (n, K, h, w), returns poses.
Flow = Generator[Float32, Float32, list[Pose]]

SMALL = 0.75  # a person this much smaller than what was looked at, in longer sides, was not seen well enough for a box
PADDING = 0.15  # a person's box is this much larger, on each side, than their keypoints' (in longer sides)


class Predictor:
    """Stateless between calls and safe to share between threads.

    `flow` is the whole method for one image; whoever drives it decides how inputs are batched: `predict` here,
    the service's batcher across requests.
    """

    def __init__(
        self,
        runtime: Runtime,
        detector: Detector | None = None,
        flip: bool = False,
        max_batch: int = 32,
        decoder: str = "quadratic",
    ):
        """`flip`: average with the mirrored image's maps, at twice the cost. `max_batch`: most inputs in one run."""
        self.runtime = runtime
        self.spec = runtime.spec
        self.detector = detector or WholeImage()
        self.flip = flip
        self.max_batch = max_batch
        self.decoder = decoder
        self.to_heatmap = heatmap.from_input(self.spec.input_wh, self.spec.stride)  # from the input

    def predict(
        self,
        images: Sequence[RGB],
        boxes: Sequence[ArrayLike | None] | None = None,
        max_people: int | None = None,
    ) -> list[list[Pose]]:
        """Upright RGB images, and per image box_xyxy (N, 4) or None for the detector's -> per image its poses.

        With boxes given there is one pose for each, in their order; of the detector's, `max_people` at most, the best
        first. Raises ValueError for a box without area.
        """
        asked = boxes if boxes is not None else [None] * len(images)
        flows = [self.flow(image, box, max_people) for image, box in zip(images, asked, strict=True)]
        poses: list[list[Pose]] = [[] for _ in flows]
        answers: dict[int, Float32 | None] = dict.fromkeys(range(len(flows)))
        while answers:
            inputs: dict[int, Float32] = {}
            for i, maps in answers.items():
                step = advance(flows[i], maps)
                if isinstance(step, list):
                    poses[i] = step
                else:
                    inputs[i] = step
            answers = dict(zip(inputs, self._run(list(inputs.values())), strict=True))
        return poses

    def flow(self, image: RGB, boxes: ArrayLike | None = None, max_people: int | None = None) -> Flow:
        """One image's way to its poses, to be driven with `send`. Of the detector's boxes `max_people` are looked at,
        by default all.
        """
        if boxes is not None:
            return (yield from self._look(image, np.asarray(boxes, np.float64).reshape(-1, 4), self.spec.margin))
        found = self.detector.detect(image)[:max_people]
        if not self.detector.rough:
            return (yield from self._look(image, found, self.spec.margin))
        poses = yield from self._look(image, found, margin=1.0)
        refined = person_boxes(poses, image)
        small = _sides(refined) < SMALL * _sides(found)
        if small.any():
            nearer = yield from self._look(image, refined[small], self.spec.margin)
            refined[small] = person_boxes(nearer, image)
        return (yield from self._look(image, refined, self.spec.margin))

    def prepare(self, image: RGB, box_xyxy: ArrayLike, margin: float) -> tuple[Float32, Affine]:
        """-> (3, H, W) for the model, and the affine from image to input."""
        to_input = Affine.fit(box_xyxy, self.spec.input_wh, margin)
        return normalise(warp(image, to_input, self.spec.input_wh), self.spec.mean, self.spec.std), to_input

    def read(self, maps: Float32, to_input: Sequence[Affine], boxes_xyxy: Float64) -> list[Pose]:
        """(n, K, h, w) and what `prepare` said -> n poses."""
        xy_heatmap, score = heatmap.decode(maps, self.decoder, self.spec.sigma)
        return [
            Pose((self.to_heatmap @ affine).inverse()(xy), s, box)
            for xy, s, affine, box in zip(xy_heatmap, score, to_input, boxes_xyxy, strict=True)
        ]

    def _look(self, image: RGB, boxes_xyxy: Float64, margin: float) -> Flow:
        """One pass over the boxes."""
        if not len(boxes_xyxy):
            return []
        prepared = [self.prepare(image, box, margin) for box in boxes_xyxy]
        inputs = np.stack([pixels for pixels, _ in prepared])
        if self.flip:
            maps = yield np.concatenate([inputs, inputs[..., ::-1]])
            straight, mirrored = np.split(maps, 2)
            maps = np.float32(0.5) * (straight + heatmap.mirror(mirrored, self.spec.skeleton.mirror))
        else:
            maps = yield inputs
        return self.read(maps, [affine for _, affine in prepared], boxes_xyxy)

    def _run(self, inputs: list[Float32]) -> list[Float32]:
        """Several flows' inputs in as few runs as `max_batch` allows -> their maps."""
        if not inputs:
            return []
        batch = np.concatenate(inputs)
        maps = np.concatenate(
            [self.runtime.run(batch[start : start + self.max_batch]) for start in range(0, len(batch), self.max_batch)]
        )
        return np.split(maps, np.cumsum([len(part) for part in inputs])[:-1])


def advance(flow: Flow, maps: Float32 | None) -> Float32 | list[Pose]:
    """Send a flow its maps (None to start it) -> its next inputs or, at its end, its poses."""
    try:
        return flow.send(maps)  # type: ignore[arg-type]  # a generator starts with None
    except StopIteration as done:
        poses: list[Pose] = done.value
        return poses


def person_boxes(poses: Sequence[Pose], image: RGB) -> Float64:
    """`person_box` of each pose -> (N, 4)."""
    return np.array([person_box(pose, image) for pose in poses]).reshape(-1, 4)


def _sides(boxes_xyxy: Float64) -> Float64:
    """(N, 4) -> the longer side of each (N,)."""
    longer: Float64 = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).max(axis=1)
    return longer


def person_box(pose: Pose, image: RGB) -> Float64:
    """The box a further look is taken into: around the keypoints it is sure of, padded, within the image.

    Where too few keypoints are sure, the box they were found in stays.
    """
    extent = pose.extent(SURE)
    if extent is None:
        return np.asarray(pose.box_xyxy, np.float64)
    height, width = image.shape[:2]
    pad = PADDING * float(max(extent[2] - extent[0], extent[3] - extent[1]))
    box = np.clip(extent + np.array([-pad, -pad, pad, pad]), 0, [width, height, width, height])
    return box if box[2] - box[0] >= 1 and box[3] - box[1] >= 1 else np.asarray(pose.box_xyxy, np.float64)
