"""Detection files: a detector's boxes for the images of a set, as COCO's result files have them."""

import logging
from pathlib import Path
from reprlib import repr as short

import numpy as np

from unipose.core.boxes import Detections, from_xywh
from unipose.core.files import read_json
from unipose.core.types import Json
from unipose.datasets.label_faults import numbers, refuse, wrong_numbers, wrong_places
from unipose.datasets.label_lists import LARGEST, are_numbers, whole
from unipose.datasets.records import RecordSet

log = logging.getLogger(__name__)


def read_detections(path: Path, record_set: RecordSet) -> dict[int, Detections]:
    """[{"image_id", "category_id", "bbox", "score"}, ...] -> the boxes of the set's category, by image, the best first.

    Boxes without area, where nobody can be, are left out, and a warning says so. Raises ValueError, which names the
    file and the entry, for another kind of file, for images that the set does not have, and for a file without people.
    """
    content = read_json(path)
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise ValueError(f"{path} is no list of detections, objects with image_id, category_id, bbox and score")
    try:
        rows = [row | {"category_id": whole(row.get("category_id"), "category_id")} for row in content]
        people = [_person(row, record_set) for row in rows if row["category_id"] == record_set.category_id]
        boxes_xywh = numbers(people, "bbox", (), _where).reshape(-1, 4)
        sizes_wh = np.array([record_set.sizes_wh[row["image_id"]] for row in people], np.float64).reshape(-1, 2)
        nobodys = np.zeros((len(people), 0, 3))
        refuse(wrong_numbers(nobodys, boxes_xywh, np.ones(len(people), bool)), people, sizes_wh, _where)
        refuse(wrong_places(nobodys, boxes_xywh, sizes_wh), people, sizes_wh, _where)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if not people:
        there = ", ".join(sorted({str(row["category_id"]) for row in rows})) or "none"
        raise ValueError(
            f"{path} has no detection of category {record_set.category_id}, the people of {record_set.path}; of "
            f"categories: {there}"
        )
    solid = (boxes_xywh[:, 2:] > 0).all(axis=1)
    if not solid.all():
        log.warning("%s: %d boxes without area are left out", path, (~solid).sum())
    by_image: dict[int, list[int]] = {}
    for i in np.flatnonzero(solid).tolist():
        by_image.setdefault(people[i]["image_id"], []).append(i)
    scores = np.array([row["score"] for row in people], np.float64)
    boxes_xyxy = from_xywh(boxes_xywh)
    best_first = {key: sorted(own, key=lambda i: -scores[i]) for key, own in sorted(by_image.items())}
    return {key: Detections(boxes_xyxy[own], scores[own]) for key, own in best_first.items()}


def _where(row: Json) -> str:
    return f"a detection in image {short(row.get('image_id'))}"


def _person(row: Json, record_set: RecordSet) -> Json:
    try:
        image_id = whole(row.get("image_id"), "image_id")
        if image_id not in record_set.images:
            raise ValueError(f"no image of {record_set.path} has this id")
        box, score = row.get("bbox"), row.get("score")
        if not (isinstance(box, list) and len(box) == 4 and are_numbers(box)):
            raise ValueError(f"bbox must be 4 numbers, x, y, width and height in pixels, got {short(box)}")
        if not are_numbers([score]) or not -LARGEST <= (score or 0) <= LARGEST:
            raise ValueError(f"score must be a finite number, got {short(score)}")
    except ValueError as error:
        raise ValueError(f"{_where(row)}: {error}") from None
    return row | {"image_id": image_id}
