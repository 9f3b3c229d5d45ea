"""Box AP: how well a finder finds the people of a set, by pycocotools."""

from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from io import StringIO

import numpy as np

from unipose.core.boxes import Detections, to_xywh
from unipose.core.image import read_image
from unipose.core.types import Boxes, Json
from unipose.datasets.records import RecordSet
from unipose.inference.detectors.finder import Finder

GROUP = 16  # images in a batch
NUMBERS = {"AP": 0, "AP50": 1, "AP75": 2, "AP_small": 3, "AP_medium": 4, "AP_large": 5}  # COCOeval's, by their place


def find_people(finder: Finder, record_set: RecordSet) -> list[Detections]:
    """What the finder finds in each image of a set, in the order of `images`. Raises FileNotFoundError."""
    record_set.require_images()
    paths = list(record_set.images.values())
    found: list[Detections] = []
    for start in range(0, len(paths), GROUP):
        images = [read_image(path) for path in paths[start : start + GROUP]]
        maps = finder.runtime.run(np.stack([finder.prepare(image) for image in images]))
        found += finder.read(maps, [(image.shape[1], image.shape[0]) for image in images])
    return found


def box_ap(found: Sequence[Detections], record_set: RecordSet) -> Json:
    """`NUMBERS` in percent, None for a size that nobody has; small, medium and large are areas of boxes.

    `found` in each image of the set, those without people too. What is found in a crowd's box is neither right nor
    wrong; somebody whom an incomplete set lacks counts as wrong. Raises ValueError as `refuse_nobody` does.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    refuse_nobody(record_set)
    with redirect_stdout(StringIO()):  # pycocotools prints its progress
        sides = []
        for people in (ground_truth(record_set), results(found, record_set)):
            sides.append(COCO())
            sides[-1].dataset = {
                "images": [{"id": image_id} for image_id in record_set.images],
                "categories": [{"id": 1, "name": "person"}],
                "annotations": [{"id": number, "category_id": 1, **one} for number, one in enumerate(people, 1)],
            }
            sides[-1].createIndex()
        evaluation = COCOeval(*sides, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {name: 100 * float(v) if (v := evaluation.stats[i]) >= 0 else None for name, i in NUMBERS.items()}


def refuse_nobody(record_set: RecordSet) -> None:
    """Raises ValueError for a set without boxes, crowds' apart, by which box AP could judge."""
    if all(people.crowd.all() for people in record_set.boxes.values()):
        raise ValueError(f"{record_set.path} has nobody's box, by whom box AP could judge")


def ground_truth(record_set: RecordSet) -> list[Json]:
    """A set's boxes as COCO's annotations."""
    return [
        entry | {"iscrowd": int(crowd)}
        for image_id, people in record_set.boxes.items()
        for entry, crowd in zip(_entries(image_id, people.boxes_xyxy), people.crowd, strict=True)
    ]


def results(found: Sequence[Detections], record_set: RecordSet) -> list[Json]:
    """The people found in each image of a set, as COCO's results."""
    entries: list[Json] = []
    for image_id, people in zip(record_set.images, found, strict=True):
        assert people.scores is not None
        for entry, score in zip(_entries(image_id, people.boxes_xyxy), people.scores, strict=True):
            entries.append(entry | {"iscrowd": 0, "score": float(score)})
    return entries


def _entries(image_id: int, boxes_xyxy: Boxes) -> Iterable[Json]:
    for bbox in to_xywh(boxes_xyxy).tolist():
        yield {"image_id": image_id, "bbox": bbox, "area": bbox[2] * bbox[3]}
