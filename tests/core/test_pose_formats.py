import csv
import json

import numpy as np
import pytest

from serve.app import create_app
from serve.settings import Settings
from unipose.core.pose import Pose
from unipose.core.pose_formats import DOCUMENTS, POSE_FORMATS
from unipose.core.skeleton import SKELETONS
from unipose.inference.predictor import Predictor

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


@pytest.mark.parametrize("people", [PEOPLE, []], ids=["two people", "nobody"])
@pytest.mark.parametrize(
    ("form", "head", "rows", "row"),
    [
        (
            "native",
            {"width": 60, "height": 41, "model": {"name": "ramp", "skeleton": "lsp14", "version": "1"}},
            "poses",
            lambda pose, i: pose.to_native(LSP),
        ),
        (
            "coco",
            {"images": [{"id": 1, "width": 60, "height": 41}], "categories": [LSP.to_coco_category()]},
            "annotations",
            lambda pose, i: {"id": i + 1, **pose.to_coco(image_id=1)},
        ),
        ("openpose", {"version": 1.3}, "people", lambda pose, i: pose.to_openpose(LSP)),
    ],
)
def test_a_document_has_a_row_for_each_person(spec, people, form, head, rows, row):
    document = DOCUMENTS[form](people, (60, 41), spec)
    assert document == head | {rows: [row(pose, i) for i, pose in enumerate(people)]}
    assert json.loads(json.dumps(document)) == document


def test_the_service_offers_every_document(ramp_reader):
    assert list(DOCUMENTS) == ["native", "coco", "openpose"]
    assert all(DOCUMENTS[name] is POSE_FORMATS[name].document for name in DOCUMENTS)
    parameters = create_app(Settings(), Predictor(ramp_reader)).openapi()["paths"]["/pose"]["post"]["parameters"]
    [offered] = [parameter["schema"] for parameter in parameters if parameter["name"] == "format"]
    assert offered["enum"] == list(DOCUMENTS)


def test_native_lines_have_track_ids_and_named_keypoints():
    [line] = map(json.loads, lines("native", PEOPLE))
    assert (line["frame"], line["time"]) == (7, 0.28)
    assert [pose["track_id"] for pose in line["poses"]] == [3, 4]
    assert line["poses"][1]["keypoints"][2] == {"name": "right_hip", "x": 104.25, "y": 105.25, "score": 0.2231}


def test_coco_lines_are_a_result_files_entries():
    entries = [json.loads(line) for line in lines("coco", PEOPLE)]
    assert [(e["image_id"], e["track_id"], len(e["keypoints"])) for e in entries] == [(7, 3, 42), (7, 4, 42)]


def test_openpose_lines_have_track_ids():
    [line] = map(json.loads, lines("openpose", PEOPLE))
    assert [person["person_id"] for person in line["people"]] == [[3], [4]]


def test_csv_is_a_table():
    header = POSE_FORMATS["csv"].header
    rows = list(csv.DictReader([header, *lines("csv", PEOPLE)]))
    assert rows[14 + 13] == {
        "frame": "7", "time": "0.28", "track_id": "4", "keypoint": "head_top", "x": "126.25", "y": "127.25",
        "score": "0.9",
    }  # fmt: skip
