"""Labels: the people in COCO-keypoint JSON, as many tools write it, checked and completed.

Whoever reads labels reads them here, and `coco_json.document` checks here what it writes. Errors are ValueErrors that
name the annotation and its image, and say what would be right; who knows the file puts its name in front.

Completed are: iscrowd (0), an area that is missing or 0 (the box's), a missing box (that around the labelled
keypoints), num_keypoints (those with v > 0, whatever the file says), the category, where there is only one, and the
coordinates of keypoints that are not labelled, where they are null or NaN (0).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from reprlib import repr as short

import numpy as np

from unipose.core.boxes import enclosing_box, from_xywh
from unipose.core.types import Bool, Float, Float64, Json
from unipose.datasets.label_faults import numbers, refuse, wrong_numbers, wrong_places
from unipose.datasets.label_lists import LARGEST, are_numbers, once, pose_category, whole

BOX_PADDING = 0.15  # of the box around a person's keypoints, in sets without boxes
CLICK_TOLERANCE = 2.0  # pixels by which a label may lie outside its image


@dataclass(frozen=True, eq=False)
class Labels:
    """The `people` of one `category`, as complete annotations; their keypoints (N, K, 3), x, y and v, and boxes_xyxy
    (N, 4) at pixel edges. K is 0 for a category without keypoints.
    """

    category: Json
    people: list[Json]
    keypoints: Float64
    boxes_xyxy: Float64


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


def check_people(content: Json, images: Sequence[Json], category: str | None = None) -> Labels:
    """The people of the category that `pose_category` chooses; `images` are those of `check_images`, with sizes."""
    chosen = pose_category(content, category)
    listed = {image["id"]: image for image in images}
    categories = {whole(one.get("id"), "category: id") for one in content["categories"]}
    people: list[Json] = []
    for annotation in content["annotations"]:
        given = annotation.get("category_id")
        if given is None and len(categories) == 1:
            given = chosen["id"]
        try:
            if (number := whole(given, "category_id")) not in categories:
                raise ValueError(f"category {number} is not in the list of categories")
            if number == chosen["id"]:
                people.append(_person(annotation, chosen, listed))
        except ValueError as error:
            raise ValueError(f"{_where(annotation, listed)}: {error}") from None
    once((person["id"] for person in people), "annotations: id", "each needs its own")
    return _complete(people, listed, chosen)


def _where(annotation: Json, listed: dict[int, Json]) -> str:
    names = [
        f" ({image['file_name']})" for number, image in listed.items() if str(number) == str(annotation.get("image_id"))
    ]
    return f"annotation {short(annotation.get('id'))}{''.join(names)}"


def _person(annotation: Json, category: Json, listed: dict[int, Json]) -> Json:
    """What needs no arithmetic: ids, and whether numbers are numbers."""
    number, image_id = whole(annotation.get("id"), "id"), whole(annotation.get("image_id"), "image_id")
    if image_id not in listed:
        raise ValueError(f"image {image_id} is not in the list of images")
    count, flat = len(category.get("keypoints", ())), annotation.get("keypoints") or []
    if flat and not count:
        raise ValueError(f"has keypoints, which category {category['name']} does not name")
    if isinstance(flat, list) and flat and all(isinstance(row, list) and len(row) == 3 for row in flat):
        flat = [value for row in flat for value in row]
    if isinstance(flat, list) and None in flat:  # as some tools write what is not labelled
        flat = [np.nan if value is None else value for value in flat]
    if flat and not (isinstance(flat, list) and len(flat) == 3 * count and are_numbers(flat)):
        got = len(flat) if isinstance(flat, list) and len(flat) != 3 * count else short(flat)
        raise ValueError(f"needs {3 * count} numbers as keypoints, x, y and v of each, got {got}")
    box = annotation.get("bbox")
    if "bbox" in annotation and not (isinstance(box, list) and len(box) == 4 and are_numbers(box)):
        raise ValueError(f"bbox must be 4 numbers, x, y, width and height in pixels, got {short(box)}")
    area, crowd = annotation.get("area") or 0, annotation.get("iscrowd") or 0
    if not are_numbers([area]) or not 0 <= area < LARGEST:
        raise ValueError(f"area must be a positive number of pixels, got {short(area)}")
    if crowd not in (0, 1):
        raise ValueError(f"iscrowd must be 0 or 1, got {short(crowd)}")
    head = annotation.get("head_size")
    if head is not None and not (are_numbers([head]) and 0 < head < LARGEST):
        raise ValueError(f"head_size must be a positive number of pixels, got {short(head)}")
    return annotation | {
        "id": number,
        "image_id": image_id,
        "category_id": category["id"],
        "area": area,
        "iscrowd": int(crowd),
        **({"keypoints": flat or [0] * 3 * count} if count else {}),
    }


def _complete(people: list[Json], listed: dict[int, Json], category: Json) -> Labels:
    """What needs arithmetic, of all people at once."""
    count, where = len(category.get("keypoints", ())), partial(_where, listed=listed)
    keypoints = numbers(people, "keypoints", (), where).reshape(len(people), count, 3)
    boxes_xywh = numbers(people, "bbox", (np.nan,) * 4, where).reshape(-1, 4)
    sizes_wh = np.array([image_wh(listed[person["image_id"]]) for person in people], np.float64).reshape(-1, 2)
    given = np.array(["bbox" in person for person in people], bool)
    refuse(wrong_numbers(keypoints, boxes_xywh, given), people, sizes_wh, where)
    blank = ~np.isfinite(keypoints)  # of what is not labelled
    for i in np.flatnonzero(blank.any(axis=(1, 2))):
        keypoints[i, blank[i]] = 0
        people[i]["keypoints"] = keypoints[i].ravel().tolist()
    labelled = keypoints[..., 2] > 0
    for i in np.flatnonzero(labelled.any(axis=1) & ~(boxes_xywh[:, 2:] > 0).all(axis=1)):
        box = box_around(keypoints[i, labelled[i], :2], image_wh(listed[people[i]["image_id"]])).round(3)
        boxes_xywh[i] = [*box[:2], *(box[2:] - box[:2]).round(3)]
        people[i]["bbox"] = boxes_xywh[i].tolist()
    refuse(wrong_places(keypoints, boxes_xywh, sizes_wh), people, sizes_wh, where)
    areas = boxes_xywh[:, 2:].prod(axis=1).round(3).tolist()
    for person, number, area in zip(people, labelled.sum(axis=1).tolist(), areas, strict=True):
        person |= {"num_keypoints": number, "area": person["area"] or area}
    return Labels(category, people, keypoints, from_xywh(boxes_xywh))


def image_wh(image: Json) -> tuple[int, int]:
    return image["width"], image["height"]
