import csv
import json

import numpy as np
import pytest

from unipose.core.pose import Pose
from unipose.core.pose_formats import POSE_FORMATS
from unipose.core.skeleton import SKELETONS

LSP = SKELETONS["lsp14"]
XY = np.arange(28.0).reshape(14, 2) + 0.25
PEOPLE = [Pose(XY + 100 * i, np.linspace(0.1, 0.9, 14), np.array([0.0, 1, 30, 41]), track_id=i + 3) for i in range(2)]


def lines(form, people, frame=7):
    return POSE_FORMATS[form].lines(frame, 0.28, people, LSP)


@pytest.mark.parametrize(("form", "count"), [("native", 1), ("openpose", 1), ("coco", 2), ("csv", 28)])
def test_each_line_stands_alone(form, count):
    written = lines(form, PEOPLE)
    assert len(written) == count and not any("\n" in line for line in written)
    assert len(lines(form, [])) == (1 if count == 1 else 0)


def test_native_says_who_is_where():
    [line] = map(json.loads, lines("native", PEOPLE))
    assert (line["frame"], line["time"]) == (7, 0.28)
    assert [pose["track_id"] for pose in line["poses"]] == [3, 4]
    assert line["poses"][1]["keypoints"][2] == {"name": "right_hip", "x": 104.25, "y": 105.25, "score": 0.2231}


def test_coco_lines_are_a_result_files_entries():
    entries = [json.loads(line) for line in lines("coco", PEOPLE)]
    assert [(e["image_id"], e["track_id"], len(e["keypoints"])) for e in entries] == [(7, 3, 42), (7, 4, 42)]


def test_openpose_has_the_id():
    [line] = map(json.loads, lines("openpose", PEOPLE))
    assert [person["person_id"] for person in line["people"]] == [[3], [4]]


def test_csv_is_a_table():
    header = POSE_FORMATS["csv"].header
    rows = list(csv.DictReader([header, *lines("csv", PEOPLE)]))
    assert rows[14 + 13] == {
        "frame": "7", "time": "0.28", "track_id": "4", "keypoint": "head_top", "x": "126.25", "y": "127.25",
        "score": "0.9",
    }  # fmt: skip
