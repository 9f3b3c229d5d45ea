"""Detection files: the boxes of the set's own category, checked like labels."""

import gzip
import json
import re

import pytest

from tests.support.label_sets import write_set
from unipose.datasets.detection_file import read_detections
from unipose.datasets.records import read_records

GOOD = {"image_id": 3, "category_id": 1, "bbox": [10, 20, 30, 40], "score": 0.9}
NAN = float("nan")


@pytest.fixture
def detections(tmp_path):
    """What is read from a file with these rows, for a set whose people are of this category."""

    def read(rows, category=1, store=lambda text: text.encode()):
        def spoil(content):
            content["categories"][0]["id"] = category
            for one in content["annotations"]:
                one["category_id"] = category

        path = tmp_path / "found.json"
        path.write_bytes(store(json.dumps(rows)))
        return read_detections(path, read_records(write_set(tmp_path, spoil)))

    return read


def test_boxes_by_image_the_best_first(detections):
    rows = [
        GOOD | {"image_id": 5, "score": 0.4},
        GOOD | {"score": 0.2},
        GOOD,
        GOOD | {"category_id": 3, "image_id": 99},
    ]
    found = detections(rows)
    assert list(found) == [3, 5]
    assert found[3].boxes_xyxy.tolist() == [[10, 20, 40, 60]] * 2 and found[3].scores.tolist() == [0.9, 0.2]


@pytest.mark.parametrize("category", [0, 1, 3])
def test_the_sets_own_category_counts(detections, category):
    rows = [GOOD | {"category_id": number, "score": number / 10} for number in (0, 1, 3)]
    assert detections(rows, category)[3].scores.tolist() == [category / 10]


@pytest.mark.parametrize("kind", [str, float])
def test_numbers_as_other_tools_write_them(detections, kind):
    rows = [GOOD | {"image_id": kind(3), "category_id": kind(1), "id": "7", "segmentation": []}]
    assert detections(rows, store=lambda text: gzip.compress(text.encode("utf-8-sig")))[3].scores.tolist() == [0.9]


def test_boxes_without_area_are_left_out_and_a_warning_says_so(detections, caplog):
    assert len(detections([GOOD, GOOD | {"bbox": [10, 20, 0, 40]}])[3]) == 1
    assert "found.json: 1 boxes without area are left out" in caplog.text


FAULTS = {
    "no image_id": ({"image_id": None}, "a detection in image None: image_id must be a whole number, got None"),
    "another image": ({"image_id": 4}, "a detection in image 4: no image of SET has this id"),
    "an image's name": ({"image_id": "3.png"}, "image_id must be a whole number, got '3.png'"),
    "no category": ({"category_id": None}, "category_id must be a whole number, got None"),
    "a category's name": ({"category_id": "person"}, "category_id must be a whole number, got 'person'"),
    "three numbers": ({"bbox": [0, 0, 9]}, "image 3: bbox must be 4 numbers, x, y, width and height in pixels, got"),
    "no box": ({"bbox": None}, "image 3: bbox must be 4 numbers, x, y, width and height in pixels, got None"),
    "a box of text": ({"bbox": ["1", "2", "3", "4"]}, "image 3: bbox must be 4 numbers"),
    "a box of NaN": ({"bbox": [1, NAN, 3, 4]}, "image 3: bbox must be 4 finite numbers"),
    "a negative side": ({"bbox": [40, 20, -30, 40]}, "image 3: bbox [40, 20, -30, 40] has a negative side"),
    "elsewhere": ({"bbox": [64, 20, 30, 40]}, "image 3: bbox [64, 20, 30, 40] lies outside its image of 64 x 80"),
    "a box beyond numbers": ({"bbox": [10**400, 1, 2, 3]}, "image 3: bbox must be finite numbers, and has one that is"),
    "a score beyond numbers": ({"score": 10**400}, "image 3: score must be a finite number, got 1000"),
    "no score": ({"score": None}, "image 3: score must be a finite number, got None"),
    "a score of text": ({"score": "0.9"}, "image 3: score must be a finite number, got '0.9'"),
    "a score of NaN": ({"score": NAN}, "image 3: score must be a finite number, got nan"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "message"), FAULTS.values(), ids=FAULTS)
def test_what_is_wrong_is_refused_by_name(detections, tmp_path, change, message):
    with pytest.raises(ValueError, match=re.escape(message.replace("SET", f"{tmp_path}/set.json"))) as error:
        detections([GOOD, GOOD | change])
    assert str(error.value).startswith(f"{tmp_path}/found.json: ")


FILES = {
    "a set": ({"images": [], "annotations": [], "categories": []}, "is no list of detections, objects with image_id"),
    "lists": ([[1, 2, 3, 4]], "is no list of detections"),
    "empty": ([], "has no detection of category 1, the people of SET; of categories: none"),
    "others": ([GOOD | {"category_id": 3}, GOOD | {"category_id": 18}], "has no detection of category 1, .*: 18, 3"),
    "shares": ([GOOD | {"bbox": [0.1, 0.2, 0.3, 0.4]}] * 2, "bbox .* is no larger than a pixel; pixels are right"),
    "corners": ([GOOD | {"bbox": [40, 50, 60, 79]}] * 3, "bbox .* leaves its image of 64 x 80 pixels, and fits"),
}  # fmt: skip


@pytest.mark.parametrize(("rows", "message"), FILES.values(), ids=FILES)
def test_other_files_are_refused_by_name(detections, tmp_path, rows, message):
    with pytest.raises(ValueError, match=message.replace("SET", f"{tmp_path}/set.json")) as error:
        detections(rows)
    assert str(error.value).startswith(f"{tmp_path}/found.json")
