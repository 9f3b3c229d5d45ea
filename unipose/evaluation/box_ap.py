"""Box AP: how well a finder finds the people of a set, by pycocotools."""

from contextlib import redirect_stdout
from io import StringIO

import numpy as np

from unipose.core.image import read_image
from unipose.core.types import Float64, Json
from unipose.datasets.records import RecordSet
from unipose.inference.detectors.finder import Finder

GROUP = 16  # images in a batch
NUMBERS = {"AP": 0, "AP50": 1, "AP75": 2, "AP_small": 3, "AP_medium": 4, "AP_large": 5}  # COCOeval's, by their place


def box_ap(finder: Finder, record_set: RecordSet) -> Json:
    """`NUMBERS` in percent, None for a size that nobody has; small, medium and large are areas of boxes.

    All images count, those without people too. What is found in a crowd's box is neither right nor wrong. Raises
    ValueError for a set without boxes.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth = COCO()
    truth.dataset = ground_truth(record_set)
    found = predict_boxes(finder, record_set)
    with redirect_stdout(StringIO()):  # pycocotools prints its progress
        truth.createIndex()
        if not found:  # which pycocotools cannot load
            return dict.fromkeys(NUMBERS, 0.0)
        evaluation = COCOeval(truth, truth.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {name: 100 * float(v) if (v := evaluation.stats[i]) >= 0 else None for name, i in NUMBERS.items()}


def ground_truth(record_set: RecordSet) -> Json:
    """A set's boxes as COCO's. Raises ValueError where it has none but crowds', FileNotFoundError without an image."""
    record_set.require_images()
    annotations: list[Json] = []
    for image_id, people in record_set.boxes.items():
        for box, crowd in zip(people.boxes_xyxy, people.crowd, strict=True):
            entry = {"id": len(annotations) + 1, "image_id": image_id, "category_id": 1, "iscrowd": int(crowd)}
            annotations.append(entry | {"bbox": xywh(box), "area": float((box[2:] - box[:2]).prod())})
    if all(annotation["iscrowd"] for annotation in annotations):
        raise ValueError(f"{record_set.path} has nobody's box, by whom box AP could judge")
    images = [{"id": image_id} for image_id in record_set.images]
    return {"info": {}, "images": images, "categories": [{"id": 1, "name": "person"}], "annotations": annotations}


def predict_boxes(finder: Finder, record_set: RecordSet) -> list[Json]:
    """What the finder finds in all images, as COCO results."""
    results: list[Json] = []
    ids = list(record_set.images)
    for start in range(0, len(ids), GROUP):
        group = ids[start : start + GROUP]
        images = [read_image(record_set.images[image_id]) for image_id in group]
        sizes_wh = [(image.shape[1], image.shape[0]) for image in images]
        maps = finder.runtime.run(np.stack([finder.prepare(image) for image in images]))
        for image_id, people in zip(group, finder.read(maps, sizes_wh), strict=True):
            assert people.scores is not None
            for box, score in zip(people.boxes_xyxy, people.scores, strict=True):
                results.append({"image_id": image_id, "category_id": 1, "bbox": xywh(box), "score": float(score)})
    return results


def xywh(box_xyxy: Float64) -> list[float]:
    """x1, y1, x2, y2 -> x, y, width, height, as COCO has it."""
    return [*box_xyxy[:2].tolist(), *(box_xyxy[2:] - box_xyxy[:2]).tolist()]
