"""A small labelled set, as it should be, for tests to spoil."""

import copy
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from unipose.core.skeleton import SKELETONS

COCO = SKELETONS["coco17"]
SIZES = {3: (64, 80), 5: (90, 60), 9: (70, 70)}  # of the images, by their ids; the last one shows nobody
BOXES = {11: (3, (10, 20, 30, 40)), 12: (3, (30, 8, 25, 50)), 13: (5, (12, 6, 40, 44))}  # image and box of the people


def person(number: int) -> dict:
    image_id, (x, y, width, height) = BOXES[number]
    xy = np.random.default_rng(number).uniform((x, y), (x + width, y + height), (17, 2)).round(1)
    v = np.where(np.arange(17) % 5 == 4, 0, 2 - np.arange(17) % 2)
    keypoints = np.column_stack([xy * (v > 0)[:, None], v]).ravel().tolist()
    return {"id": number, "image_id": image_id, "category_id": 1, "iscrowd": 0, "bbox": [x, y, width, height],
            "area": 0.6 * width * height, "keypoints": keypoints, "num_keypoints": int((v > 0).sum())}  # fmt: skip


def content() -> dict:
    return {
        "info": {"description": "three people"},
        "images": [{"id": i, "file_name": f"{i}.png", "width": w, "height": h} for i, (w, h) in SIZES.items()],
        "annotations": [person(number) for number in BOXES],
        "categories": [COCO.to_coco_category()],
    }


def write_set(folder: Path, spoil: Callable[[dict], object] = lambda content: None, name: str = "set.json") -> Path:
    """The JSON file, spoilt, with its images beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, size_wh in SIZES.items():
        noise = np.random.default_rng(i).integers(0, 255, (size_wh[1], size_wh[0], 3), np.uint8)
        Image.fromarray(noise).save(folder / f"{i}.png")
    spoilt = copy.deepcopy(content())
    spoil(spoilt)
    path = folder / name
    path.write_bytes(json.dumps(spoilt).encode())
    return path


def first(**changes) -> Callable[[dict], object]:
    """Changes of the first annotation; a value of None leaves the key out."""

    def spoil(content: dict) -> None:
        one = content["annotations"][0]
        one |= changes
        for key in [key for key, value in changes.items() if value is None]:
            del one[key]

    return spoil


def category(**changes) -> Callable[[dict], object]:
    """Changes of the first category."""
    return lambda content: content["categories"][0].update(changes)
