"""Augmentation: one random affine, owned here, and appearance changes from albumentations."""

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unipose.geometry import Affine

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network for its newest version

import albumentations as A


@dataclass(frozen=True)
class RandomAffine:
    """How far a crop may stray from the person's box.

    `scale`: the crop's size over the margined box's, from-to, drawn log-uniformly; `rotation`: the most degrees either
    way, in `rotation_probability` of the cases; `shift`: the most the centre moves, in sides of the crop; `flip`: how
    often left and right are swapped.
    """

    scale: tuple[float, float] = (0.75, 1.4)
    rotation: float = 40.0
    rotation_probability: float = 0.6
    shift: float = 0.1
    flip: float = 0.5

    def draw(
        self, rng: np.random.Generator, box_xyxy: NDArray[np.float64], input_wh: tuple[int, int], margin: float
    ) -> tuple[Affine, bool]:
        """-> the affine from image to input, and whether it mirrors (the caller then swaps left and right)."""
        width, height = input_wh
        size = float(np.exp(rng.uniform(*np.log(self.scale))))
        degrees = rng.uniform(-self.rotation, self.rotation) if rng.random() < self.rotation_probability else 0.0
        dx, dy = rng.uniform(-self.shift, self.shift, 2) * input_wh
        affine = Affine.fit(box_xyxy, input_wh, margin * size)
        affine = Affine.translate(dx, dy) @ Affine.rotate(degrees, ((width - 1) / 2, (height - 1) / 2)) @ affine
        mirrored = bool(rng.random() < self.flip)
        return (Affine.mirror(width) @ affine if mirrored else affine), mirrored


class Appearance:
    """Colour, blur, noise, compression and occlusion; moves no pixel, so keypoints stay where they are."""

    def __init__(self, strength: float = 1.0):
        """`strength` scales every probability; 0 changes nothing."""
        self.transform = A.Compose(
            [
                A.ColorJitter(brightness=0.3, contrast=0.3, saturation=0.3, hue=0.04, p=0.6 * strength),
                A.ToGray(p=0.05 * strength),
                A.OneOf([A.GaussianBlur(blur_limit=(3, 5)), A.MotionBlur(blur_limit=(3, 7))], p=0.1 * strength),
                A.GaussNoise(std_range=(0.02, 0.08), p=0.1 * strength),
                A.ImageCompression(quality_range=(30, 90), p=0.15 * strength),
                A.CoarseDropout(
                    num_holes_range=(1, 3),
                    hole_height_range=(0.05, 0.25),
                    hole_width_range=(0.05, 0.25),
                    fill="random_uniform",
                    p=0.25 * strength,
                ),
            ]
        )

    def __call__(self, image: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
        """(h, w, 3) -> (h, w, 3), the same for the same seed."""
        self.transform.set_random_seed(seed)
        changed: NDArray[np.uint8] = self.transform(image=image)["image"]
        return changed
