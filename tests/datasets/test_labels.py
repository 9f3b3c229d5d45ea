"""Labels as people have them, and what is made right of them."""

import numpy as np
import pytest

from tests.support.label_sets import BOXES, category, first, person, write_set
from unipose.core.skeleton import SKELETONS
from unipose.datasets.labels import box_around, outside
from unipose.datasets.records import read_records

SIZE = (60, 40)


NAN, INF = float("nan"), float("inf")


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
