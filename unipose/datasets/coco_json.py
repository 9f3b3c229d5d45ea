"""COCO-keypoint JSON, the only dataset format: build it, check it, write it.

Points are pixel-centre coordinates in the stored image; `bbox` is (x, y, width, height) at pixel edges, so the whole
image is (0, 0, width, height). Visibility: 0 = not labelled (x = y = 0), 1 = labelled but occluded, 2 = visible.
`info.image_root` is the images' folder, relative to the JSON file; `file_name` is relative to that folder.
`info.people` is "some" where an image may show people who are not listed. Clips are described as in COCO-style video
sets: an image has a `video_id` and a `frame_id`, the file a list of `videos`.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unipose.core.boxes import enclosing_box, to_xywh
from unipose.core.files import write_atomically
from unipose.core.skeleton import SKELETONS, Skeleton
from unipose.core.types import Bool, Float, Float64, Int, Json

BOX_PADDING = 0.15  # of the box around a person's keypoints, in sets without boxes
PEOPLE = {True: "all", False: "some"}  # `info.people`, by whether everybody is listed
CLICK_TOLERANCE = 2.0  # pixels by which a label may lie outside its image


def image_entry(image_id: int, file_name: str, size_wh: tuple[int, int]) -> Json:
    return {"id": image_id, "file_name": file_name, "width": size_wh[0], "height": size_wh[1]}


def video_entry(video_id: int, name: str) -> Json:
    return {"id": video_id, "name": name}


def frame_entry(image_id: int, file_name: str, size_wh: tuple[int, int], video_id: int, frame_id: int) -> Json:
    """An image that is a frame of a video; consecutive frames have consecutive numbers."""
    return image_entry(image_id, file_name, size_wh) | {"video_id": video_id, "frame_id": frame_id}


def person_entry(
    annotation_id: int,
    image_id: int,
    xy_image: Float,
    visibility: Int,
    box_xyxy: Float,
) -> Json:
    """One person: xy_image (K, 2), visibility (K,) of 0, 1 or 2, box_xyxy (4,); `area` is the box's."""
    labelled = visibility > 0
    rows = np.column_stack([np.where(labelled[:, None], xy_image, 0.0).round(3), visibility])
    bbox = to_xywh(box_xyxy.round(3)).round(3)
    return {
        "id": annotation_id,
        "image_id": image_id,
        "category_id": 1,
        "keypoints": [int(value) if value == int(value) else float(value) for value in rows.ravel()],
        "num_keypoints": int(labelled.sum()),
        "bbox": bbox.tolist(),
        "area": round(float(bbox[2] * bbox[3]), 3),
        "iscrowd": 0,
    }


def box_around(xy_image: Float, size_wh: tuple[int, int], padding: float = BOX_PADDING) -> Float64:
    """`enclosing_box` of points (N, 2), clipped to the image.

    Without points, or with all of them in one place, it is the whole image.
    """
    if len(xy_image) == 0 or not np.ptp(xy_image, axis=0).any():
        return np.array([0.0, 0.0, *size_wh])
    return enclosing_box(xy_image, padding).clip(0.0, [*size_wh, *size_wh])


def outside(xy_image: Float, size_wh: tuple[int, int]) -> Bool:
    """Which points (..., 2) lie too far outside their image to be labels -> (...)."""
    distance: Float = np.maximum(-0.5 - xy_image, xy_image - (np.array(size_wh) - 0.5)).max(axis=-1)
    return distance > CLICK_TOLERANCE


def document(
    skeleton: Skeleton,
    images: Sequence[Json],
    annotations: Sequence[Json],
    description: str,
    image_root: str,
    videos: Sequence[Json] = (),
    *,
    complete: bool,
) -> Json:
    """The content of a whole file, checked; `complete`: everybody in the images is listed, or in a crowd that is.

    Raises ValueError as `check` does.
    """
    known = skeleton.name if skeleton in SKELETONS.values() else skeleton.to_dict()
    category = skeleton.to_coco_category() | {"unipose_skeleton": known}
    content = {
        "info": {"description": description, "image_root": image_root, "people": PEOPLE[complete]},
        "images": list(images),
        "annotations": list(annotations),
        "categories": [category],
        **({"videos": list(videos)} if videos else {}),
    }
    check(content, len(skeleton.keypoints))
    return content


def check(content: Json, keypoints: int) -> None:
    """Raises ValueError, naming the record, for duplicate or unknown ids and for wrong keypoints, boxes or counts."""
    for kind in ("images", "annotations", "videos"):
        ids = [record["id"] for record in content.get(kind, ())]
        if len(set(ids)) != len(ids):
            raise ValueError(f"{kind}: an id is used twice")
    frames = [(image["video_id"], image["frame_id"]) for image in content["images"] if "video_id" in image]
    if len(set(frames)) != len(frames):
        raise ValueError("images: a frame of a video is there twice")
    if {video for video, _ in frames} != {video["id"] for video in content.get("videos", ())}:
        raise ValueError("images: their video_ids are not those of the list of videos")
    names = {image["id"]: image["file_name"] for image in content["images"]}
    categories = {category["id"] for category in content["categories"]}
    for annotation in content["annotations"]:
        where = f"annotation {annotation['id']}"
        if annotation["image_id"] not in names:
            raise ValueError(f"{where}: image {annotation['image_id']} is not in the list of images")
        where += f" ({names[annotation['image_id']]})"
        if annotation["category_id"] not in categories:
            raise ValueError(f"{where}: category {annotation['category_id']} is not in the list of categories")
        flat = np.asarray(annotation["keypoints"], np.float64)
        box = np.asarray(annotation["bbox"], np.float64)
        if flat.shape != (3 * keypoints,) or box.shape != (4,):
            raise ValueError(
                f"{where}: needs {3 * keypoints} keypoint values and 4 of bbox, got {flat.size} and {box.size}"
            )
        if not (np.isfinite(flat).all() and np.isfinite(box).all()):
            raise ValueError(f"{where}: keypoints and bbox must be finite numbers")
        if not np.isin(flat[2::3], (0, 1, 2)).all():
            raise ValueError(f"{where}: visibility must be 0, 1 or 2")
        if annotation["num_keypoints"] != np.count_nonzero(flat[2::3]):
            raise ValueError(f"{where}: num_keypoints {annotation['num_keypoints']} is not the number of labelled ones")


def write_changed(path: Path, content: Json, original: Path) -> None:
    """Write the edited content of the file `original` to `path`; the images stay where they are."""
    info = content.get("info", {})
    root = os.path.relpath(original.parent / info.get("image_root", "."), path.parent)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, content | {"info": info | {"image_root": Path(root).as_posix()}})


def is_prepared(path: Path) -> bool:
    """Whether a file is a set as `document` makes it."""
    return b'"unipose_skeleton"' in path.read_bytes()


def write_json(path: Path, content: Json) -> None:
    write_atomically(path, (json.dumps(content) + "\n").encode())
