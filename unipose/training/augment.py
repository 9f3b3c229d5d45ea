"""Augmentation: a random affine transform, and changes of appearance by albumentations."""

import os
from dataclasses import dataclass

import numpy as np

from unipose.core.geometry import Affine
from unipose.core.skeleton import Skeleton
from unipose.core.types import Boxes, Float64, UInt8
from unipose.datasets.records import Record

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else it asks the internet for its newest version

import albumentations as A


@dataclass(frozen=True)
class RandomAffine:
    """A random crop around a person.

    `scale`: the crop's size over that of the box with its margin, from-to, drawn log-uniformly; `rotation`: at most so
    many degrees either way, with `rotation_probability`; `shift`: at most so far from the box's centre, in sides of the
    crop; `flip`: the probability of a mirrored crop; `half_body`: that of a box around one half of the body.
    """

    scale: tuple[float, float]
    rotation: float
    rotation_probability: float
    shift: float
    flip: float
    half_body: float

    def draw(
        self, rng: np.random.Generator, record: Record, skeleton: Skeleton, input_wh: tuple[int, int], margin: float
    ) -> tuple[Affine, bool]:
        """-> the affine from image to input, and whether it mirrors; the caller then swaps left and right keypoints."""
        box_xyxy = record.box_xyxy
        if rng.random() < self.half_body:
            box_xyxy = half_body(rng, record, skeleton)
        width, height = input_wh
        size = float(np.exp(rng.uniform(*np.log(self.scale))))
        degrees = rng.uniform(-self.rotation, self.rotation) if rng.random() < self.rotation_probability else 0.0
        dx, dy = rng.uniform(-self.shift, self.shift, 2) * input_wh
        affine = Affine.fit(box_xyxy, input_wh, margin * size)
        affine = Affine.translate(dx, dy) @ Affine.rotate(degrees, ((width - 1) / 2, (height - 1) / 2)) @ affine
        mirrored = bool(rng.random() < self.flip)
        return (Affine.mirror(width) @ affine if mirrored else affine), mirrored


def half_body(rng: np.random.Generator, record: Record, skeleton: Skeleton) -> Float64:
    """box_xyxy of the labelled keypoints of a random half, with padding; the record's own box if they are fewer than 3.

    The lower half is hips, knees and ankles, the upper half the rest.
    """
    lower = np.array([name.split("_")[-1] in ("hip", "knee", "ankle", "pelvis") for name in skeleton.keypoints])
    chosen = record.xy_image[record.labelled & (lower == bool(rng.random() < 0.5))]
    if len(chosen) < 3:
        return record.box_xyxy
    low, high = chosen.min(axis=0), chosen.max(axis=0) + 1
    pad = 0.25 * float((high - low).max())
    return np.concatenate([low - pad, high + pad])


@dataclass(frozen=True)
class RandomView:
    """A random view of an image, for a finder, which sees images stretched to its input.

    `scale`: the view's size over the image's, from-to, drawn log-uniformly; `stretch`: by at most this factor is width
    over height changed; `shift`: at most so far from the middle of the image or, of `NEAR` of the views, of a person,
    in sides of the view; `flip`: the probability of a mirrored view.
    """

    scale: tuple[float, float]
    stretch: float
    shift: float
    flip: float

    def draw(
        self, rng: np.random.Generator, image_wh: tuple[int, int], boxes_xyxy: Boxes, size_wh: tuple[int, int]
    ) -> Affine:
        """-> the affine from an image with boxes (N, 4) to a view of this size; it never turns."""
        size = np.array(size_wh, np.float64)
        zoom = float(np.exp(-rng.uniform(*np.log(self.scale))))
        aspect = float(np.exp(rng.uniform(-1, 1) * np.log(self.stretch)))
        factor = zoom * np.sqrt([aspect, 1 / aspect])
        shown = size / factor  # of the image stretched to `size`
        focus = size / 2
        if rng.random() < NEAR and len(boxes_xyxy):
            box = boxes_xyxy[rng.integers(len(boxes_xyxy))]
            focus = (box[:2] + box[2:]) / 2 * size / image_wh
        centre = focus + rng.uniform(-self.shift, self.shift, 2) * shown
        centre = np.clip(centre, OVERLAP * shown, size - OVERLAP * shown)
        dx, dy = size / 2 - centre * factor
        affine = Affine.translate(dx, dy) @ Affine.scale(*factor) @ Affine.resize(image_wh, size_wh)
        return Affine.mirror(size_wh[0]) @ affine if rng.random() < self.flip else affine


NEAR = 0.7
OVERLAP = 0.15  # how far within the image a view's centre stays, in sides of the view


# What `Appearance` and, on a device, `device_appearance` draw from: probabilities, of a `strength` of 1, and ranges.
PROBABILITY = {"colour": 0.6, "grey": 0.05, "blur": 0.1, "noise": 0.1, "compression": 0.15}
COLOUR, HUE = 0.3, 0.04  # brightness, contrast and saturation change by so much of themselves, hue of the circle
GAUSSIAN_BLUR, MOTION_BLUR = (3, 5), (3, 7)  # sides of the kernels, from-to
BLUR_SIGMA = (0.5, 3.0)
NOISE = (0.02, 0.08)  # standard deviation, of white
QUALITY = (30, 90)  # JPEG's
HOLES, HOLE = (1, 3), (0.05, 0.25)  # how many are covered, and their sides, of the crop's


class Appearance:
    """Random colour, blur, noise, compression and occlusion, none of which moves keypoints."""

    def __init__(self, strength: float, occlusion: float):
        """`strength` scales all probabilities, up to 1, but that of `occlusion`; (0, 0) changes nothing."""
        self.probability = {name: min(1.0, p * strength) for name, p in PROBABILITY.items()} | {"holes": occlusion}
        p = self.probability
        self.transform = A.Compose(
            [
                A.ColorJitter(brightness=COLOUR, contrast=COLOUR, saturation=COLOUR, hue=HUE, p=p["colour"]),
                A.ToGray(p=p["grey"]),
                A.OneOf(
                    [
                        A.GaussianBlur(blur_limit=GAUSSIAN_BLUR, sigma_limit=BLUR_SIGMA),
                        A.MotionBlur(blur_limit=MOTION_BLUR),
                    ],
                    p=p["blur"],
                ),
                A.GaussNoise(std_range=NOISE, p=p["noise"]),
                A.ImageCompression(quality_range=QUALITY, p=p["compression"]),
                A.CoarseDropout(
                    num_holes_range=HOLES,
                    hole_height_range=HOLE,
                    hole_width_range=HOLE,
                    fill="random_uniform",
                    p=p["holes"],
                ),
            ]
        )

    def __call__(self, image: UInt8, seed: int) -> UInt8:
        """(h, w, 3) -> (h, w, 3), the same for the same seed."""
        changes = self.transform.transforms
        # By one seed albumentations would give all of them the same first number, which decides whether they happen.
        for change, own in zip(changes, np.random.SeedSequence(seed).generate_state(len(changes)), strict=True):
            change.set_random_seed(int(own))
        changed: UInt8 = self.transform(image=image)["image"]
        return changed
