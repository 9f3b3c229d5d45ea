"""MPII Human Pose in its usual converted layout -> COCO-keypoint JSON with head sizes.

    python data/prepare_mpii.py mpii.zip --out DIR                  annotations/{train,valid}.json and images/
    python data/prepare_mpii.py FOLDER --images FOLDER --head-boxes gt_valid.mat --out DIR

Each person in train.json and valid.json has joints (16, 2), joints_vis (16), center, scale and image. Joints marked in
joints_vis become visible (2), others not labelled (0): this layout does not record occlusion.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from destination import Destination
from source import Source, run_script

from unipose.core.arguments import Parser
from unipose.core.metrics import HEAD_BOX_SHARE
from unipose.core.skeleton import SKELETONS
from unipose.core.types import Float64, Json
from unipose.datasets.coco_json import document, image_entry, person_entry

SKELETON = SKELETONS["mpii16"]  # its keypoints are in MPII's order
NECK, TOP = SKELETON.keypoints.index("upper_neck"), SKELETON.keypoints.index("head_top")
SPLITS = ("train", "valid")

# A person is about 200 px x `scale` tall around `center`, which lies above the middle of the body: the box is a square
# with sides of that length, its centre moved down by 15 px x `scale`, as is usual. It may reach beyond the image.
PERSON_SIDE, SHIFT_DOWN = 200.0, 15.0

# PCKh's unit is 0.6 x the diagonal of the annotated head box. The layout does not have the box, but the two head joints
# were computed from it: their distance is 0.8 x its diagonal. (For each of five people (distance / 0.8)^2 is within
# 0.03 of a sum of two squares of integers.) So the head size is 0.6 / 0.8 x the distance of the head joints.
HEAD_SIZE_PER_JOINT_DISTANCE = 0.75


class Person:
    """One entry of the layout, with coordinates counted from 0. Raises ValueError for a malformed entry."""

    def __init__(self, entry: dict[str, Any], first_pixel: int) -> None:
        try:
            self.image = str(entry["image"])
            self.xy_image = np.array(entry["joints"], np.float64)
            self.labelled = np.array(entry["joints_vis"]) > 0
            self.centre = np.array(entry["center"], np.float64)
            self.scale = float(entry["scale"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a person of the converted layout ({error!r})") from error
        if self.xy_image.shape != (16, 2) or self.labelled.shape != (16,) or self.centre.shape != (2,):
            raise ValueError("joints must be (16, 2), joints_vis (16,) and center (2,)")
        if not (np.isfinite(self.xy_image[self.labelled]).all() and np.isfinite([*self.centre, self.scale]).all()):
            raise ValueError("a coordinate or the scale is not finite")
        self.xy_image -= first_pixel
        self.centre -= first_pixel

    def box(self, size_wh: tuple[int, int]) -> Float64:
        """box_xyxy (4,). Raises ValueError where nothing of it is inside the image."""
        middle = self.centre + (0.5, 0.5 + SHIFT_DOWN * self.scale)  # + 1/2: from pixel centres to pixel edges
        half = PERSON_SIDE / 2 * self.scale
        if half <= 0 or not ((middle + half > 0) & (middle - half < size_wh)).all():
            raise ValueError(f"center {self.centre} and scale {self.scale} give no box inside the image")
        return np.concatenate([middle - half, middle + half])

    def head_size(self) -> float | None:
        """In pixels; None unless both head joints are labelled."""
        if not self.labelled[[NECK, TOP]].all():
            return None
        return HEAD_SIZE_PER_JOINT_DISTANCE * float(np.hypot(*(self.xy_image[TOP] - self.xy_image[NECK])))


def head_sizes(path: Path, people: int) -> Float64:
    """(people,) in pixels, from `headboxes_src` (2 corners, x and y, people) in the layout's gt_valid.mat."""
    corners = Source(path.parent).read_matrix(path.name, "headboxes_src")
    if corners.shape != (2, 2, people) or not np.isfinite(corners).all():
        raise ValueError(
            f"{path}: headboxes_src must be finite and (2, 2, {people}), one for each person of valid.json"
        )
    diagonals: Float64 = np.hypot(*(corners[1] - corners[0]))
    return HEAD_BOX_SHARE * diagonals


def convert(labels: Source, pictures: Source, split: str, destination: Destination, args: argparse.Namespace) -> str:
    """Convert one split -> a summary line."""
    name = labels.find(f"annotations/{split}.json")
    entries = labels.read_json(name)
    if not isinstance(entries, list) or not entries:
        raise ValueError(f"{labels.path}: {name} must be a list of people")
    from_boxes = head_sizes(args.head_boxes, len(entries)) if args.head_boxes and split == "valid" else None
    images: dict[str, Json] = {}
    people: list[Json] = []
    folder = ""
    for number, entry in enumerate(entries, start=1):
        try:
            person = Person(entry, args.first_pixel)
            if not images:
                folder = pictures.find_root([person.image], "images")
            if person.image not in images:
                size_wh = pictures.image_size(f"{folder}/{person.image}")
                images[person.image] = image_entry(len(images) + 1, person.image, size_wh)
            image = images[person.image]
            box_xyxy = person.box((image["width"], image["height"]))
        except ValueError as error:
            raise ValueError(f"{labels.path}: {name}: person {number}: {error}") from error
        record = person_entry(number, image["id"], person.xy_image, 2 * person.labelled, box_xyxy)
        head_size = person.head_size() if from_boxes is None else float(from_boxes[number - 1])
        people.append(record if head_size is None else {**record, "head_size": round(head_size, 6)})
    image_root = destination.add_images(pictures, folder, list(images))
    content = document(SKELETON, list(images.values()), people, f"MPII {split}", image_root, complete=False)
    content["info"]["head_size_source"] = "0.75 x |upper_neck - head_top|" if from_boxes is None else "head boxes"
    path = destination.add_labels(f"{split}.json", content)
    without = sum("head_size" not in person for person in people)
    return f"{split}: {len(images)} images, {len(people)} persons, {without} without head size -> {path}"


def prepare(args: argparse.Namespace) -> str:
    labels = Source(args.source)
    pictures = Source(args.images) if args.images else labels
    splits = [split for split in SPLITS if labels.match(f"annotations/{split}.json")]
    if not splits:
        raise ValueError(f"{labels.path}: has neither annotations/train.json nor annotations/valid.json")
    destination = Destination(args.out, args.force)
    summary = "\n".join(convert(labels, pictures, split, destination, args) for split in splits)
    destination.write([*labels.files, *([args.head_boxes] if args.head_boxes else [])])
    return summary


def main(argv: Sequence[str] | None = None) -> int:
    parser = Parser(description="MPII in its usual converted layout -> COCO-keypoint JSON")
    parser.add_argument("source", type=Path, help="zip or folder with annotations/train.json, annotations/valid.json")
    parser.add_argument("--images", type=Path, help="zip or folder that holds images/ (default: source)")
    parser.add_argument("--head-boxes", type=Path, help="gt_valid.mat, whose head boxes then give valid's head sizes")
    parser.add_argument(
        "--first-pixel", type=int, choices=(0, 1), default=1,
        help="the number of the first pixel in the labels: 1 (default) as in MPII's MATLAB file, which the usual "
        "conversions copy unchanged, or 0 for a conversion that has already subtracted 1",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="folder for train.json, valid.json and images/")
    return run_script(prepare, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
