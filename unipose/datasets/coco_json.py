"""COCO-keypoint JSON, the only dataset format: build it, check it, write it.

Points are pixel-centre coordinates in the stored image; `bbox` is (x, y, width, height) at pixel edges, so the whole
image is (0, 0, width, height). Visibility: 0 = not labelled (x = y = 0), 1 = labelled but occluded, 2 = visible.
`info.image_root` is the images' folder, relative to the JSON file; `file_name` is relative to that folder.
`info.people` is "some" where an image may show people who are not listed. Clips are described as in COCO-style video
sets: an image has a `video_id` and a `frame_id`, the file a list of `videos`.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unipose.core.boxes import to_xywh
from unipose.core.files import relative, write_atomically
from unipose.core.signature import is_signed
from unipose.core.skeleton import SKELETONS, Skeleton
from unipose.core.types import Float, Int, Json
from unipose.datasets.label_file import LabelFile
from unipose.datasets.label_lists import check_images, once
from unipose.datasets.labels import check_people

SET = "set"  # of images, by their signature
PEOPLE = {True: "all", False: "some"}  # `info.people`, by whether everybody is listed


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

    Raises ValueError as `labels.check_people` does.
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
    check_people(content, check_images(content))
    check_frames(content)
    return content


def check_frames(content: Json) -> None:
    """Raises ValueError where the frames of videos are not those of the list of videos, or not of their own."""
    once((video["id"] for video in content.get("videos", ())), "videos: id", "each needs its own")
    frames = [(image["video_id"], image["frame_id"]) for image in content["images"] if "video_id" in image]
    if len(set(frames)) != len(frames):
        raise ValueError("images: a frame of a video is there twice")
    if {video for video, _ in frames} != {video["id"] for video in content.get("videos", ())}:
        raise ValueError("images: their video_ids are not those of the list of videos")


def write_changed(path: Path, original: LabelFile, **changes: Any) -> None:
    """Write the content of a file with some of its lists changed to `path`; the images stay where they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    info = original.info | {"image_root": relative(original.root, path.parent)}
    write_json(path, original.content | changes | {"info": info})


def is_prepared(path: Path) -> bool:
    """Whether a file is a set as `document` makes it, or an image that was made for one."""
    return (
        is_signed(path, SET)
        or re.search(rb'"unipose_skeleton": |"people": "(all|some)"', path.read_bytes()) is not None
    )


def write_json(path: Path, content: Json) -> None:
    write_atomically(path, (json.dumps(content) + "\n").encode())
