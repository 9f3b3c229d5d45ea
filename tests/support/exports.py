"""Label files as labelling tools export them, each with its own keys, numbering and folders; the same three people."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from tests.support.label_sets import BOXES, COCO, SIZES, person

KEYPOINTS = list(COCO.keypoints)


def save_images(folder: Path, names: dict[int, str]) -> None:
    for number, name in names.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", SIZES[number], (number, 90, 120)).save(folder / name)


def images(names: dict[int, str], ids: dict[int, int], **more) -> list[dict]:
    sizes = {number: {"width": SIZES[number][0], "height": SIZES[number][1]} for number in names}
    return [{"id": ids[number], "file_name": name, **sizes[number], **more} for number, name in names.items()]


def write(path: Path, content: dict) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def task_archive(folder: Path, keypoints=KEYPOINTS) -> Path:
    """Images in images/default, hidden points at some place with v = 0, a category of boxes, empty lists everywhere."""
    names = {number: f"frame {number}.png" for number in SIZES}
    save_images(folder / "images" / "default", names)
    ids = {number: i for i, number in enumerate(SIZES, 1)}
    people = []
    for i, number in enumerate(BOXES, 1):
        one = person(number)
        rows = np.reshape(one["keypoints"], (-1, 3))
        rows[rows[:, 2] == 0, :2] = 31.5
        people.append({"id": i, "image_id": ids[one["image_id"]], "category_id": 1, "segmentation": [], "iscrowd": 0,
                       "bbox": one["bbox"], "area": one["area"], "attributes": {"occluded": False, "keyframe": True},
                       "keypoints": rows.ravel().tolist(), "num_keypoints": one["num_keypoints"]})  # fmt: skip
    car = {"id": 9, "image_id": 3, "category_id": 2, "segmentation": [], "area": 4.0, "bbox": [1, 1, 2, 2],
           "iscrowd": 0, "attributes": {}, "keypoints": [], "num_keypoints": 0}  # fmt: skip
    joints = [[a, b] for a, b in COCO.limbs]  # counted from 0
    return write(folder / "annotations" / "person_keypoints_default.json", {
        "licenses": [{"name": "", "id": 0, "url": ""}],
        "info": {"contributor": "", "date_created": "", "description": "", "url": "", "version": "", "year": ""},
        "categories": [{"id": 1, "name": "body", "supercategory": "", "keypoints": keypoints, "skeleton": joints},
                       {"id": 2, "name": "car", "supercategory": "", "keypoints": [], "skeleton": []}],
        "images": images(names, ids, license=0, flickr_url="", coco_url="", date_captured=0),
        "annotations": [*people, car],
    })  # fmt: skip


def studio_export(folder: Path, keypoints=KEYPOINTS) -> Path:
    """result.json with images/ in the names, ids from 0, boxes as a category of their own, those of keypoints tight."""
    names = {number: f"images/0f3a-photo_{number}.png" for number in SIZES}
    save_images(folder, names)
    ids = {number: i for i, number in enumerate(SIZES)}
    rows = []
    for number, (image, box) in BOXES.items():
        rows.append({"id": len(rows), "image_id": ids[image], "category_id": 0, "segmentation": [], "bbox": list(box),
                     "ignore": 0, "iscrowd": 0, "area": box[2] * box[3]})  # fmt: skip
        flat = person(number)["keypoints"]
        labelled = np.reshape(flat, (-1, 3))
        labelled = labelled[labelled[:, 2] > 0, :2]
        low, high = labelled.min(axis=0).tolist(), labelled.max(axis=0).tolist()
        rows.append({"id": len(rows), "image_id": ids[image], "category_id": 1, "keypoints": flat, "iscrowd": 0,
                     "bbox": [*low, high[0] - low[0], high[1] - low[1]], "num_keypoints": len(labelled)})  # fmt: skip
    return write(folder / "result.json", {
        "images": images(names, ids),
        "categories": [{"id": 0, "name": "person"},
                       {"id": 1, "name": "default", "supercategory": "default", "keypoints": keypoints,
                        "skeleton": []}],
        "annotations": rows,
        "info": {"year": 2025, "version": "1.0", "description": "", "contributor": "", "url": "", "date_created": ""},
    })  # fmt: skip


def hosted_export(folder: Path, keypoints=KEYPOINTS) -> Path:
    """Labels beside their images, ids from 0, a first category that nobody belongs to, names with hyphens."""
    names = {number: f"photo-{number}_png.rf.0a1b2c.png" for number in SIZES}
    save_images(folder / "train", names)
    ids = {number: i for i, number in enumerate(SIZES)}
    people = [
        {"id": i, "image_id": ids[one["image_id"]], "category_id": 1, "bbox": one["bbox"], "area": one["area"],
         "segmentation": [], "iscrowd": 0, "keypoints": one["keypoints"]}
        for i, one in enumerate(map(person, BOXES))
    ]  # fmt: skip
    return write(folder / "train" / "_annotations.coco.json", {
        "info": {"year": "2025", "version": "1", "description": "", "contributor": "", "url": "", "date_created": ""},
        "licenses": [{"id": 1, "url": "", "name": "CC BY 4.0"}],
        "categories": [{"id": 0, "name": "people", "supercategory": "none"},
                       {"id": 1, "name": "person", "supercategory": "people",
                        "keypoints": [name.replace("_", "-") for name in keypoints],
                        "skeleton": [[a + 1, b + 1] for a, b in COCO.limbs]}],
        "images": images(names, ids, license=1, date_captured="2025-01-02T03:04:05+00:00", extra={"name": "photo.png"}),
        "annotations": people,
    })  # fmt: skip


EXPORTS = {"task archive": task_archive, "studio": studio_export, "hosted": hosted_export}
