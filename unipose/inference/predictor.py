"""Predictor: images to poses in three steps, crop, find and read, batched over people and images."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import repeat
from typing import NoReturn, cast, overload

import numpy as np
from numpy.typing import ArrayLike

from unipose.core import heatmap
from unipose.core.boxes import check_boxes, require_overlap
from unipose.core.choice import choose
from unipose.core.geometry import Affine
from unipose.core.hardware import cores
from unipose.core.heatmap import Peaks
from unipose.core.image import DamagedImage, ImageTooLarge
from unipose.core.image_input import Image, is_many, naming_place, to_picture, to_pictures
from unipose.core.metrics import pose_oks
from unipose.core.person_box import POINTS, has_box
from unipose.core.picture import Picture
from unipose.core.pose import Pose
from unipose.core.ranges import within
from unipose.core.result import Result
from unipose.core.types import RGB, Boxes, Float64
from unipose.inference.crop_box import crop_boxes, longer_sides, map_boxes
from unipose.inference.detectors.detector import Detector, WholeImage, detect
from unipose.inference.duplicates import without_duplicates
from unipose.inference.flow import Flow, advance
from unipose.runtime.runtime import Runtime

SMALL = 0.75  # a refined box this much shorter than its crop, in longer sides, is refined once more
GROUP = 16  # images that are held at once
MAX_PEOPLE = 20
DUPLICATE_OKS = 0.7  # above which two poses found in an image are one person's


class Predictor:
    """Finds the poses in images. Has no state between calls, and may be shared between threads.

    `flow` is the whole method for one image. Its caller decides how inputs are batched: `predict` here, and the
    service's batcher across requests.
    """

    def __init__(
        self,
        runtime: Runtime,
        detector: Detector | None = None,
        flip: bool = False,
        max_batch: int | None = None,
        decoder: str = "dark",
        min_score: float | None = None,
    ):
        """`flip`: average with the mirrored image's heatmaps, at twice the cost. `max_batch`: most inputs in one run;
        by default 32, on a GPU 256.

        Without a `detector` every image is taken to show one person. `decoder`: a row of `heatmap.DECODERS`.
        `min_score`: the lowest person score of people whom the detector found, by default the model's own threshold.
        Raises ValueError for a runtime whose model finds no poses, and for values that cannot be.
        """
        within("max_batch", max_batch, 1, whole=True)
        within("min_score, of a person,", min_score, 0, 1)
        choose(heatmap.DECODERS, decoder, "decoder")
        if runtime.spec.kind != "pose":
            raise ValueError(f"{runtime.spec.name} is a {runtime.spec.kind}, not a pose model; name it as the detector")
        self.runtime = runtime
        self.spec = runtime.spec
        self.detector = detector or WholeImage()
        skeleton = self.spec.skeleton
        if self.detector.refinement == "box_maps" and not has_box(skeleton):
            raise ValueError(f"{self.spec.name} has no box maps: train it with model.box_maps=true, or choose 'whole'")
        self._joints = range(len(skeleton.keypoints) - len(POINTS) * has_box(skeleton))
        self.flip = flip
        self.max_batch = max_batch or runtime.largest
        self.decoder = decoder
        self.min_score = min_score
        self.input_to_heatmap = heatmap.from_input(self.spec.input_wh, self.spec.stride)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Predictor holds an opened model, which is not copied or pickled; each process calls load()")

    @overload
    def __call__(  # type: ignore[overload-overlap]  # a str is a sequence of str as well
        self, images: Image, boxes: ArrayLike | None = ..., max_people: int | None = ...
    ) -> Result: ...

    @overload
    def __call__(
        self, images: Iterable[Image], boxes: Sequence[ArrayLike | None] | None = ..., max_people: int | None = ...
    ) -> list[Result]: ...

    def __call__(
        self,
        images: Image | Iterable[Image],
        boxes: ArrayLike | Sequence[ArrayLike | None] | None = None,
        max_people: int | None = None,
    ) -> Result | list[Result]:
        """One image -> the people in it; a list of images, of any length, or a batch (N, H, W, 3) -> those of each.

        >>> predictor = unipose.load()
        >>> predictor("photo.jpg")
        <Result: 1 person in photo.jpg, 384 x 480>
        >>> [len(result) for result in predictor(["photo.jpg", "empty.jpg"])]
        [1, 0]
        >>> [pose] = predictor("photo.jpg", boxes=[[20, 20, 360, 460]])
        >>> pose.xy_image.shape
        (19, 2)

        A Result is also a sequence of the people's poses. `boxes` are box_xyxy (N, 4) of the one image, or a list with
        them or None for each. Otherwise as `predict`. Raises ValueError that says what is wrong with an image or a box,
        OSError for a file that cannot be read.
        """
        if not is_many(images):
            image = cast(Image, images)
            picture = to_picture(image)
            asked_here = _checked(cast(ArrayLike | None, boxes), picture)
            [poses] = self.finish([self.flow(picture, asked_here, max_people)])
            return Result.of(poses, self.spec, image, picture)
        listed = list(images)
        asked = _for_each(listed, cast(Sequence[ArrayLike | None] | None, boxes))
        found: list[Result] = []
        for start in range(0, len(listed), GROUP):
            group = slice(start, start + GROUP)
            pictures = to_pictures(listed[group], start)
            people = self._predict(pictures, asked[group], max_people, None, start)
            found += [Result.of(*of_image) for of_image in zip(people, repeat(self.spec), listed[group], pictures)]
        return found

    def predict(
        self,
        images: Iterable[Image],
        boxes: Sequence[ArrayLike | None] | None = None,
        max_people: int | None = None,
        min_score: float | None = None,
    ) -> list[list[Pose]]:
        """Images, and for each box_xyxy (N, 4), or None for the detector's boxes -> the poses of each.

        Given boxes get one pose each, in their order. Of the detector's, at most the `max_people` best are used (20),
        and the poses come the best first, without those below `min_score` and without duplicates: nobody is an empty
        list. Raises ValueError for what is no image, and for a box that is smaller than a pixel or outside its image.
        """
        listed = to_pictures(images)
        return self._predict(listed, _for_each(listed, boxes), max_people, min_score)

    def _predict(
        self,
        pictures: Sequence[Picture],
        boxes: Sequence[ArrayLike | None],
        max_people: int | None,
        min_score: float | None,
        first: int = 0,
    ) -> list[list[Pose]]:
        """`first`: the place of the first image among all of them."""

        def flow(i: int, picture: Picture, box: ArrayLike | None) -> Flow:
            with naming_place(i, (DamagedImage, ImageTooLarge)):
                asked = _checked(box, picture, f"boxes[{i}][{{}}]")
                return (yield from self.flow(picture, asked, max_people, min_score))

        return self.finish([flow(i, *of_image) for i, of_image in enumerate(zip(pictures, boxes, strict=True), first)])

    def finish(self, flows: Sequence[Flow]) -> list[list[Pose]]:
        """Drive flows to their end, in shared batches -> the poses of each."""
        poses: list[list[Pose]] = [[] for _ in flows]
        answers: dict[int, Peaks | None] = dict.fromkeys(range(len(flows)))
        with ThreadPoolExecutor(cores()) as threads:  # image work does not hold the interpreter's lock
            run = threads.map if len(flows) > 1 else map
            while answers:
                crops: dict[int, RGB] = {}
                for i, step in zip(answers, run(advance, [flows[i] for i in answers], answers.values()), strict=True):
                    if isinstance(step, list):
                        poses[i] = step
                    else:
                        crops[i] = step
                answers = dict(zip(crops, self._find_all(list(crops.values())), strict=True))
        return poses

    def flow(
        self,
        picture: Picture,
        boxes: ArrayLike | None = None,
        max_people: int | None = None,
        min_score: float | None = None,
    ) -> Flow:
        """One image's way to its poses, to be driven by `advance`; the arguments are those of `predict`.

        Boxes of a detector that needs refinement are replaced by those that a first look at them says. Raises
        DamagedImage or ImageTooLarge where an image that is not decoded yet cannot be.
        """
        within("max_people", max_people, 0, whole=True)
        within("min_score, of a person,", min_score, 0, 1)
        if boxes is not None:
            given = np.asarray(boxes, np.float64).reshape(-1, 4)
            if not len(given):
                picture.look(max(picture.image_wh))  # a damaged image is told, whatever is asked
            return (yield from self._estimate(picture, given, self.spec.margin))
        detections = detect(self.detector, picture).best(MAX_PEOPLE if max_people is None else max_people)
        found = detections.boxes_xyxy
        if self.detector.refinement == "none":
            poses = yield from self._estimate(picture, found, self.spec.margin)
            return self._people(poses, detections.scores, min_score, picture.image_wh)
        refined = self._closer((yield from self._estimate(picture, found, margin=1.0)), picture)
        small = longer_sides(refined) < SMALL * longer_sides(found)
        if small.any():
            again = yield from self._estimate(picture, refined[small], self.spec.margin)
            refined[small] = self._closer(again, picture)
        return (yield from self._estimate(picture, refined, self.spec.margin))

    def _closer(self, poses: Sequence[Pose], picture: Picture) -> Boxes:
        """Where to look at people again -> (N, 4)."""
        if self.detector.refinement == "box_maps":
            return map_boxes(poses, picture.image_wh)
        return crop_boxes([pose.select(self._joints) for pose in poses], picture.image_wh)

    def _people(
        self, poses: list[Pose], scores: Float64 | None, min_score: float | None, image_wh: tuple[int, int]
    ) -> list[Pose]:
        """Poses and the scores of their detections -> the people among them, the best first."""
        rule = self.spec.person_score
        least = self.min_score if min_score is None else min_score
        if scores is not None:
            poses = [replace(pose, detection=float(score)) for pose, score in zip(poses, scores, strict=True)]
            if rule is not None:
                poses = [replace(pose, probability=rule(pose, image_wh)) for pose in poses]
                least = rule.threshold if least is None else least
        # Not-a-number is no low score: it is a fault that must be seen.
        poses = sorted((p for p in poses if not p.person_score < (least or 0.0)), key=lambda p: -p.person_score)
        return without_duplicates(poses, partial(pose_oks, skeleton=self.spec.skeleton), DUPLICATE_OKS)

    def crop(self, picture: Picture, boxes_xyxy: Boxes, margin: float) -> tuple[RGB, list[Affine]]:
        """What the model is to look at (n, H, W, 3), boxes (n, 4) grown by `margin`, and the affines from the image."""
        to_input = [Affine.fit(box, self.spec.input_wh, margin) for box in boxes_xyxy]
        picture.look(1 / max(affine.zoom for affine in to_input))  # as finely as one of them needs, at once
        return np.stack([picture.warp(affine, self.spec.input_wh) for affine in to_input]), to_input

    def find(self, crops: RGB) -> Peaks:
        """Crops (n, H, W, 3), at most `largest`, in one run of the model -> their keypoints."""
        return self.runtime.find(crops, self.decoder, self.flip)

    @property
    def largest(self) -> int:
        """The most people in one run; with the flip test each takes two inputs."""
        return max(1, self.max_batch // 2) if self.flip else self.max_batch

    def read(self, peaks: Peaks, to_input: Sequence[Affine], boxes_xyxy: Boxes) -> list[Pose]:
        """Keypoints (n, K) on heatmaps, and the affine and the box of each -> n poses."""
        return [
            Pose((self.input_to_heatmap @ affine).inverse()(xy), score, box)
            for xy, score, affine, box in zip(
                peaks.xy_heatmap, self.spec.scores(peaks.peak), to_input, boxes_xyxy, strict=True
            )
        ]

    def _estimate(self, picture: Picture, boxes_xyxy: Boxes, margin: float) -> Flow:
        """One pose for each box."""
        if not len(boxes_xyxy):
            return []
        crops, to_input = self.crop(picture, boxes_xyxy, margin)
        peaks = yield crops
        return self.read(peaks, to_input, boxes_xyxy)

    def _find_all(self, crops: list[RGB]) -> list[Peaks]:
        """The crops of several flows, in as few runs as `max_batch` allows -> their keypoints."""
        if not crops:
            return []
        batch = np.concatenate(crops)
        batches = [batch[start : start + self.largest] for start in range(0, len(batch), self.largest)]
        with ThreadPoolExecutor(min(self.runtime.copies, len(batches))) as calls:
            found = list(calls.map(self.find, batches)) if len(batches) > 1 else [self.find(batch)]
        return Peaks.join(found).split([len(part) for part in crops])


def _for_each(images: Sequence[object], boxes: Sequence[ArrayLike | None] | None) -> Sequence[ArrayLike | None]:
    """Boxes or None for each image. Raises ValueError for another number of them."""
    asked = [None] * len(images) if boxes is None else list(boxes)
    if len(asked) != len(images):
        raise ValueError(f"boxes are a list with an entry for each image: got {len(asked)} for {len(images)}")
    return asked


def _checked(boxes: ArrayLike | None, picture: Picture, name: str = "boxes[{}]") -> Boxes | None:
    """The boxes that somebody gives for an image. Raises ValueError for one that cannot be."""
    if boxes is None:
        return None
    checked = check_boxes(boxes, name)
    require_overlap(checked, picture.image_wh, name)
    return checked
