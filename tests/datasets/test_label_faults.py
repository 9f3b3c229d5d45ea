"""What is wrong with labels is refused in one line that says who, and what is right."""

import json
import re

import pytest

from tests.support.label_sets import category, content, first, write_set
from unipose.datasets.records import read_records

NAN, INF = float("nan"), float("inf")
WHO = r"set.json: annotation 11 \(3.png\): "


FAULTS = {  # of the first annotation
    "no id": (first(id=None), r"set.json: annotation None \(3.png\): id must be a whole number, got None"),
    "an id of words": (first(id="a"), r"annotation 'a' \(3.png\): id must be a whole number, got 'a'"),
    "an id of half": (first(id=1.5), "id must be a whole number, got 1.5"),
    "an id below 0": (first(id=-1), "id must be a whole number, got -1"),
    "an id that is a truth value": (first(id=True), "id must be a whole number, got True"),
    "an id used twice": (first(id=12), "set.json: annotations: id 12 is there twice; each needs its own"),
    "an id used twice, as text": (first(id="12"), "set.json: annotations: id 12 is there twice"),
    "an image that is not there": (first(image_id=4), "set.json: annotation 11: image 4 is not in the list of images"),
    "no image": (first(image_id=None), "set.json: annotation 11: image_id must be a whole number, got None"),
    "a category that is not there": (first(category_id=8), WHO + "category 8 is not in the list of categories"),
    "two numbers for each keypoint": (first(keypoints=[1, 2] * 17), WHO + "needs 51 numbers as keypoints, .* got 34"),
    "pairs": (first(keypoints=[[20, 30]] * 17), WHO + "needs 51 numbers as keypoints, x, y and v of each, got 17"),
    "one keypoint too many": (first(keypoints=[20, 30, 2] * 18), WHO + "needs 51 numbers as keypoints, .* got 54"),
    "keypoints by name": (first(keypoints={"nose": [20, 30, 2]}), WHO + "needs 51 numbers as keypoints"),
    "keypoints of text": (first(keypoints=["20", "30", "2"] * 17), WHO + "needs 51 numbers as keypoints"),
    "a keypoint of null": (first(keypoints=[None, 30, 2] + [20, 30, 2] * 16), WHO + "keypoints must be finite numbers"),
    "visibility null": (first(keypoints=[20, 30, None] * 17), WHO + "visibility must be 0, 1 or 2"),
    "visibility as a truth value": (first(keypoints=[20, 30, True] * 17), WHO + "needs 51 numbers as keypoints"),
    "NaN": (first(keypoints=[NAN, 30, 2] * 17), WHO + "keypoints must be finite numbers"),
    "infinity": (first(keypoints=[20, INF, 1] * 17), WHO + "keypoints must be finite numbers"),
    "visibility 3": (first(keypoints=[20, 30, 3] * 17), WHO + "visibility must be 0, 1 or 2"),
    "visibility -1": (first(keypoints=[20, 30, -1] * 17), WHO + "visibility must be 0, 1 or 2"),
    "a confidence": (first(keypoints=[20, 30, 0.93] * 17), WHO + "visibility must be 0, 1 or 2"),
    "visibility NaN": (first(keypoints=[20, 30, NAN] * 17), WHO + "visibility must be 0, 1 or 2"),
    "four zeros": (first(bbox=[0, 0, 0, 0]), WHO + r"bbox \[0, 0, 0, 0\] has no area; without bbox, it is derived"),
    "no width": (first(bbox=[10, 20, 0, 40]), WHO + r"bbox \[10, 20, 0, 40\] has no area"),
    "five numbers": (first(bbox=[10, 20, 30, 40, 1]), WHO + "bbox must be 4 numbers, x, y, width and height in pixels"),
    "three numbers": (first(bbox=[10, 20, 30]), WHO + "bbox must be 4 numbers"),
    "text": (first(bbox="10 20 30 40"), WHO + "bbox must be 4 numbers, .* got '10 20 30 40'"),
    "numbers as text": (first(bbox=["10", "20", "30", "40"]), WHO + "bbox must be 4 numbers"),
    "a nested box": (first(bbox=[[10, 20], [30, 40]]), WHO + "bbox must be 4 numbers"),
    "a negative width": (first(bbox=[40, 20, -30, 40]), WHO + r"bbox \[40, 20, -30, 40\] has a negative side"),
    "a box with NaN": (first(bbox=[10, NAN, 30, 40]), WHO + "bbox must be 4 finite numbers"),
    "a box of NaN": (first(bbox=[NAN] * 4), WHO + "bbox must be 4 finite numbers"),
    "an endless box": (first(bbox=[10, 20, INF, 40]), WHO + "bbox must be 4 finite numbers"),
    "a box of shares": (first(bbox=[0.2, 0.25, 0.4, 0.5]), WHO + "bbox .* is no larger than a pixel; pixels are right"),
    "keypoints of shares": (first(keypoints=[0.2, 0.25, 2, 0.7, 0.3, 2] + [0, 0, 0] * 15), WHO + "keypoints lie"),
    "missing keypoints marked as visible": (
        first(keypoints=[20, 30, 2] * 15 + [0, 0, 2] * 2),
        WHO + "has several labelled keypoints at 0, 0; the v of missing ones is 0",
    ),
    "missing keypoints at -1": (first(keypoints=[20, 30, 2] * 15 + [-1, -1, 1] * 2), WHO + "has several labelled key"),
    "a box of dust": (first(bbox=[20, 30, 1e-9, 1e-9]), WHO + "bbox .* is no larger than a pixel"),
    "keypoints elsewhere": (first(keypoints=[70, 30, 2, 75, 40, 2] + [0] * 45, bbox=None), WHO + "keypoints lie out"),
    "a box elsewhere": (first(bbox=[70, 20, 30, 40]), WHO + "bbox .* lies outside its image of 64 x 80"),
    "a keypoint of another world": (first(keypoints=[20, 1e5, 2] * 17), WHO + "has a keypoint far outside its image"),
    "a keypoint beyond numbers": (first(keypoints=[10**400, 30, 2] * 17), WHO + "keypoints must be finite numbers"),
    "a box beyond numbers": (first(bbox=[10**400, 1, 2, 3]), WHO + "bbox must be finite numbers"),
    "a box at the end of numbers": (first(bbox=[1e308] * 4), WHO + "bbox .* lies outside its image"),
    "an id beyond numbers": (first(id=10**30), "id must be a whole number, got 10000"),
    "an area beyond numbers": (first(area=10**400), WHO + "area must be a positive number of pixels, got 1000"),
    "a negative area": (first(area=-5), WHO + "area must be a positive number of pixels, got -5"),
    "an area of NaN": (first(area=NAN), WHO + "area must be a positive number"),
    "an area of text": (first(area="12"), WHO + "area must be a positive number of pixels, got '12'"),
    "iscrowd 2": (first(iscrowd=2), WHO + "iscrowd must be 0 or 1, got 2"),
    "iscrowd as text": (first(iscrowd="0"), WHO + "iscrowd must be 0 or 1, got '0'"),
    "a head without size": (first(head_size=0), WHO + "head_size must be a positive number"),
    "neither box nor keypoints": (first(bbox=None, keypoints=None), WHO + "needs a bbox, or labelled keypoints"),
}  # fmt: skip


def images(**changes):
    return lambda content: content["images"][0].update(changes)


def two_with_keypoints(content):
    content["categories"].append({"id": 2, "name": "dog", "keypoints": ["nose", "tail"]})
    content["annotations"][2] |= {"category_id": 2, "keypoints": [20, 20, 2] * 2}


def all_boxes(change):
    return lambda content: [one.update(bbox=change(*one["bbox"])) for one in content["annotations"]]


FILES = {  # of the file, its images and its categories
    "a list": (None, "set.json: is a list, as results of a detector or a model are; COCO-keypoint JSON has lists of"),
    "an image without id": (images(id=None), r"set.json: image None \('3.png'\): id must be a whole number, got None"),
    "an image's id twice": (images(id=5), "set.json: images: id 5 is there twice; each image needs its own"),
    "an image twice": (images(file_name="5.png"), "images: 5.png is there twice; one entry has all people"),
    "no file_name": (images(file_name=None), r"image 3 \(None\): needs a file_name, which is text"),
    "an empty file_name": (images(file_name=""), r"image 3 \(''\): needs a file_name"),
    "a number as file_name": (images(file_name=3), r"image 3 \(3\): needs a file_name"),
    "a size of text": (images(width="64"), r"image 3 \('3.png'\): width and height must be whole .* got '64' and 80"),
    "a negative size": (images(width=-64), "width and height must be whole numbers of pixels, got -64 and 80"),
    "an endless size": (images(width=INF), "width and height must be whole numbers of pixels, got inf and 80"),
    "a size beyond numbers": (images(width=10**400), "width and height must be whole numbers of pixels, got 10000"),
    "an image twice, by another name": (images(file_name="./5.png"), "images: 5.png is there twice"),
    "another size": (images(width=80, height=64), r"set.json: image .*3.png is \(64, 80\), its labels say \(80, 64\)"),
    "an image that is not there": (images(file_name="4.png"), r"set.json names the image .*4.png, which does not"),
    "no images": (lambda c: c.update(images=[]), "set.json: lists no images"),
    "images by name": (lambda c: c.update(images={"3.png": {}}), "set.json: has no list of images"),
    "no annotations": (lambda c: c.pop("annotations"), "set.json: has no list of annotations"),
    "an annotation that is a list": (lambda c: c["annotations"].append([1]), r"annotations: \[1\] is no object"),
    "no categories": (lambda c: c.pop("categories"), "set.json: has no list of categories"),
    "a category without id": (category(id=None), "set.json: category 'person': id must be a whole number, got None"),
    "a category's id twice": (lambda c: c["categories"].append({"id": 1, "name": "dog"}), "id 1 is there twice"),
    "a keypoint's name twice": (category(keypoints=["leg", "head", "leg"]), "person: the keypoint leg is there twice"),
    "braces in a category": (category(name="{x}{", keypoints=["a", "a"]), "{x}{: the keypoint a is there"),
    "keypoints that are no names": (category(keypoints=[{"name": "nose"}]), "keypoints must be a list of names, got"),
    "keypoints of a number": (category(keypoints=17), "category person: keypoints must be a list of names, got 17"),
    "keypoints without names": (category(keypoints=[]), WHO + "has keypoints, which category person does not name"),
    "two categories with keypoints": (
        two_with_keypoints,
        r"set.json: has 2 categories with keypoints \(person, dog\); data/prepare_coco.py --category NAME makes a",
    ),
    "a skeleton that is none": (category(unipose_skeleton={"name": "x"}), "unipose_skeleton is not a"),
    "people whoever": (lambda c: c.update(info={"people": "few"}), "says whether all or some are listed, got 'few'"),
    "a root of numbers": (lambda c: c.update(info={"image_root": 1}), "info.image_root must be the images'"),
    "boxes by their corners": (
        all_boxes(lambda x, y, width, height: [x, y, x + width, y + height]),
        r"annotation 12 .* leaves its image of 64 x 80 pixels, and fits it as two corners; x, y, width and height are",
    ),
    "boxes elsewhere than keypoints": (all_boxes(lambda *_: [0, 0, 5, 5]), WHO + "bbox .* holds none of its keypoints"),
    "boxes of shares, no keypoints": (
        lambda c: [one.update(bbox=[0.1, 0.2, 0.3, 0.4], keypoints=[]) for one in c["annotations"]],
        WHO + "bbox .* is no larger than a pixel; pixels are right, not shares of the image",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "message"), [*FAULTS.values(), *FILES.values()], ids=[*FAULTS, *FILES])
def test_what_is_wrong_is_refused_by_name(tmp_path, spoil, message):
    path = write_set(tmp_path, spoil or (lambda content: None))
    if spoil is None:
        path.write_text(json.dumps(content()["annotations"]))
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        read_records(path)
    assert re.search(message, str(error.value)) and "\n" not in str(error.value)
    assert str(error.value).startswith(str(path))
