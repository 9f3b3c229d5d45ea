"""Labels as people have them: what is made right, and what is refused in one line that says who, and what is right."""

import json
import re

import numpy as np
import pytest

from tests.support.label_sets import BOXES, content, first, person, write_set
from unipose.core.skeleton import SKELETONS
from unipose.datasets.labels import box_around, outside
from unipose.datasets.records import read_records

SIZE = (60, 40)
NAN, INF = float("nan"), float("inf")
WHO = r"set.json: annotation 11 \(3.png\): "


@pytest.mark.parametrize(
    ("xy", "padding", "expected"),
    [
        ([[10, 20], [29, 24]], 0.0, [10, 20, 30, 25]),
        ([[10, 20], [29, 24]], 0.1, [8, 18, 32, 27]),
        ([[-3, 20], [58, 39]], 0.5, [0, 0, 60, 40]),  # clipped
        ([[10, 20], [10, 20]], 0.1, [0, 0, 60, 40]),  # one place has no extent
        (np.empty((0, 2)), 0.1, [0, 0, 60, 40]),
    ],
)
def test_the_box_around_a_persons_keypoints(xy, padding, expected):
    assert box_around(np.array(xy, float), SIZE, padding).tolist() == expected


def test_labels_more_than_two_pixels_outside_their_image():
    xy = np.array([[[-2.5, 5], [-2.6, 5], [30, 41.5]], [[30, 41.6], [61.5, 20], [62, 20]]])
    assert outside(xy, SIZE).tolist() == [[False, True, False], [True, False, True]]


def described(record_set):
    """Everything that training and evaluation use of people."""
    return [
        (r.id, r.image_id, r.image_path.name, r.xy_image.tolist(), r.labelled.tolist(), r.visible.tolist(),
         r.box_xyxy.tolist(), r.head_size, r.area)
        for r in record_set.records
    ]  # fmt: skip


def nested(content):
    for one in content["annotations"]:
        one["keypoints"] = np.reshape(one["keypoints"], (17, 3)).tolist()


def renumbered(content, kind=str):
    for image in content["images"]:
        image["id"] = kind(image["id"])
    for one in content["annotations"]:
        one |= {key: kind(one[key]) for key in ("id", "image_id", "category_id")}


def another_category_first(content):
    content["categories"].insert(0, {"id": 7, "name": "dog", "supercategory": "animal"})
    content["annotations"].insert(0, {"id": 1, "image_id": 3, "category_id": 7, "bbox": [1, 2, 3, 4], "area": 12})


def an_unused_category_with_keypoints(content):
    content["categories"].append({"id": 2, "name": "hand", "keypoints": ["thumb"], "skeleton": []})


def a_dummy_category_0(content):
    content["categories"].insert(0, {"id": 0, "name": "people", "supercategory": "none"})
    content["categories"][1]["supercategory"] = "people"


def everybody(**changes):
    def spoil(content):
        for one in content["annotations"]:
            one |= changes

    return spoil


def without(*keys):
    def spoil(content):
        for one in content["annotations"]:
            for key in keys:
                del one[key]

    return spoil


def category(**changes):
    return lambda content: content["categories"][0].update(changes)


def more_keys(content):
    content |= {"licenses": [], "tag_categories": [], "segment_info": None, "videos": [], "info": None}
    content["images"][0] |= {"license": 0, "coco_url": "", "date_captured": 0, "video_id": None, "extra": {"a": [1]}}
    for one in content["annotations"]:
        one |= {"segmentation": "junk", "attributes": {"occluded": False, "keyframe": True}, "score": 1.0, "ignore": 0}


def spelt(content):
    camel = ["".join(part.capitalize() for part in name.split("_")) for name in SKELETONS["coco17"].keypoints]
    content["categories"][0]["keypoints"] = camel


SAME = {  # as other tools write what `content` says
    "keypoints are nested": nested,
    "ids are text": renumbered,
    "image_id alone is text": lambda content: [
        one.update(image_id=str(one["image_id"])) for one in content["annotations"]
    ],
    "ids are floats": lambda content: renumbered(content, float),
    "the category has another id": lambda content: (category(id=3)(content), everybody(category_id=3)(content)),
    "the category is number 0": lambda content: (category(id=0)(content), everybody(category_id=0)(content)),
    "no category_id, and one category": without("category_id"),
    "category_id is null": everybody(category_id=None),
    "another category comes first": another_category_first,
    "another has keypoints, and nobody": an_unused_category_with_keypoints,
    "a category stands for none": a_dummy_category_0,
    "no iscrowd": without("iscrowd"),
    "iscrowd is a truth value": everybody(iscrowd=False),
    "iscrowd is null": everybody(iscrowd=None),
    "no num_keypoints": without("num_keypoints"),
    "num_keypoints is a float": everybody(num_keypoints=13.0),
    "num_keypoints is wrong": everybody(num_keypoints=0),
    "segmentation, attributes and more": more_keys,
    "the skeleton counts from 0": category(skeleton=[[0, 1], [1, 2]]),
    "the skeleton is empty": category(skeleton=[]),
    "no skeleton": lambda content: content["categories"][0].pop("skeleton"),
    "keypoints are spelt otherwise": spelt,
    "images have no sizes": lambda content: [image.pop("width") and image.pop("height") for image in content["images"]],
    "sizes are null": lambda content: [image.update(width=None, height=None) for image in content["images"]],
    "sizes are 0": lambda content: [image.update(width=0, height=0) for image in content["images"]],
    "sizes are floats": lambda content: [image.update(width=float(image["width"])) for image in content["images"]],
}


@pytest.mark.parametrize("spoil", SAME.values(), ids=SAME)
def test_the_same_set_as_other_tools_write_it(tmp_path, spoil):
    right, found = read_records(write_set(tmp_path / "right")), read_records(write_set(tmp_path / "spoilt", spoil))
    assert described(found) == described(right)
    assert found.skeleton is SKELETONS["coco17"]
    assert list(found.images) == [3, 5, 9] and found.sizes_wh == right.sizes_wh


@pytest.mark.parametrize("area", [None, 0, 0.0])
def test_an_area_that_nobody_measured_is_the_boxs(tmp_path, area):
    records = read_records(write_set(tmp_path, first(area=area))).records
    assert [record.area for record in records] == [30 * 40, 0.6 * 25 * 50, 0.6 * 40 * 44]


def test_a_missing_box_is_the_one_around_the_labelled_keypoints(tmp_path):
    first_one, *others = read_records(write_set(tmp_path, first(bbox=None, area=None))).records
    xy = first_one.xy_image[first_one.labelled]
    np.testing.assert_allclose(first_one.box_xyxy, box_around(xy, (64, 80)), atol=1e-3)
    assert first_one.area == pytest.approx(np.prod(first_one.box_xyxy[2:] - first_one.box_xyxy[:2]), abs=0.01)
    assert others[0].box_xyxy.tolist() == [30, 8, 55, 58]


@pytest.mark.parametrize(
    "flat", [[12, 30] + [2] + [0] * 48, [12, 30, 2, 20, 30, 1] + [0] * 45], ids=["alone", "a line"]
)
def test_keypoints_alone_or_on_a_line_have_a_box_around_them(tmp_path, flat):
    """Some tools write the extent of the keypoints as the box, which then has no area."""
    width = flat[3] - flat[0] if flat[3] else 0
    [record, *_] = read_records(write_set(tmp_path, first(keypoints=flat, bbox=[12, 30, width, 0], area=0))).records
    assert record.box_xyxy.tolist() == box_around(record.xy_image[record.labelled], (64, 80)).tolist()
    assert record.area > 0


def test_people_without_labelled_keypoints_and_crowds_are_others(tmp_path, caplog):
    def spoil(content):
        content["annotations"][0] |= {"keypoints": [0] * 51, "num_keypoints": 0, "bbox": [0, 0, 0, 0], "area": 0}
        content["annotations"][1] |= {"iscrowd": 1}
        content["annotations"].append({"id": 1, "image_id": 9, "category_id": 1, "bbox": [1, 2, 30, 40]})

    found = read_records(write_set(tmp_path, spoil))
    assert [record.id for record in found.records] == [13] and [record.id for record in found.others] == [11, 12, 1]
    assert [record.crowd for record in found.others] == [False, True, False]
    assert "set.json: 1 people without keypoints have boxes without area, and are left out" in caplog.text
    assert {key: (people.boxes_xyxy.tolist(), people.crowd.tolist()) for key, people in found.boxes.items()} == {
        3: ([[30, 8, 55, 58]], [True]), 5: ([[12, 6, 52, 50]], [False]), 9: ([[1, 2, 31, 42]], [False]),
    }  # fmt: skip


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


@pytest.mark.parametrize("bbox", [[-3, -4, 40, 40], [40, 50, 30, 40]], ids=["at the top left", "at the bottom right"])
def test_a_box_may_leave_its_image(tmp_path, bbox):
    spoil = first(bbox=bbox)
    assert len(read_records(write_set(tmp_path, spoil)).records) == len(BOXES)


def test_labels_of_a_person_far_from_his_box_are_his_all_the_same(tmp_path):
    """Single ones are in COCO itself."""
    spoil = first(bbox=[1, 1, 5, 5])
    assert read_records(write_set(tmp_path, spoil)).records[0].labelled.sum() == person(11)["num_keypoints"]


@pytest.mark.parametrize("xy", [[-250, 1090], [NAN, NAN], [None, None], [INF, 0], [1e300, 5]], ids=str)
def test_coordinates_of_keypoints_that_are_not_labelled_mean_nothing(tmp_path, xy):
    rows = np.reshape(person(11)["keypoints"], (17, 3)).tolist()
    flat = [value for x, y, v in rows for value in ([*xy, 0] if v == 0 else [x, y, v])]
    found, right = (read_records(write_set(tmp_path, spoil)).records[0] for spoil in (first(keypoints=flat), first()))
    assert found.labelled.tolist() == right.labelled.tolist() and np.isfinite(found.xy_image).all()
    np.testing.assert_array_equal(found.xy_image[found.labelled], right.xy_image[right.labelled])


def test_crowds_with_keypoints_are_left_out_and_a_warning_says_so(tmp_path, caplog):
    """Some tools mark everybody with a mask as a crowd."""
    assert len(read_records(write_set(tmp_path, first(iscrowd=1))).records) == 2
    assert "set.json: 1 people with keypoints are crowds (iscrowd 1), and are left out" in caplog.text
    found = read_records(write_set(tmp_path, everybody(iscrowd=1)))
    with pytest.raises(
        ValueError, match=r"set.json has no labelled keypoint.*; its 3 people with keypoints are crowds"
    ):
        found.require_keypoints()
