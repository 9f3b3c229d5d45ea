import csv
import io
import json
from contextlib import redirect_stdout
from dataclasses import replace
from zipfile import ZipFile

import numpy as np
import pytest
from pycocotools.coco import COCO as COCOFile
from pycocotools.cocoeval import COCOeval

from serve.app import create_app
from serve.settings import Settings
from unipose.core.pose import Pose
from unipose.core.pose_formats import DOCUMENTS, POSE_FORMATS, as_coco, holds_poses
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


BODY, COCO = SKELETONS["body19"], SKELETONS["coco17"]
WHOLE = Pose(np.arange(38.0).reshape(19, 2), np.linspace(0.1, 1, 19), np.array([0.0, 1, 30, 41]), 3, probability=0.75)


def test_coco_is_cocos_own_where_the_skeleton_has_it(spec):
    body = replace(spec, skeleton=BODY)
    document = DOCUMENTS["coco"]([WHOLE], (60, 41), body)
    assert document["categories"] == [COCO.to_coco_category()]
    [annotation] = document["annotations"]
    assert annotation["keypoints"] == WHOLE.select(range(17)).to_coco(1)["keypoints"] and annotation["score"] == 0.75
    [line] = POSE_FORMATS["coco"].lines(7, 0.28, [WHOLE], BODY)
    assert len(json.loads(line)["keypoints"]) == 51 and json.loads(line)["category_id"] == 1
    assert as_coco(PEOPLE, LSP) == (PEOPLE, LSP)


def test_coco_goes_by_names_not_by_places():
    order = list(range(19))[::-1]
    mirror = tuple(18 - BODY.mirror[i] for i in order)
    turned = replace(BODY, keypoints=BODY.keypoints[::-1], mirror=mirror)
    [pose], skeleton = as_coco([WHOLE.select(order)], turned)
    assert skeleton == COCO and np.array_equal(pose.xy_image, WHOLE.xy_image[:17])


def test_lines_are_results_of_cocos_own_annotations(real_data, tmp_path):
    """Its 17 keypoints found where they are labelled: pycocotools finds every person right."""
    with ZipFile(real_data / "coco_sample.zip") as archive:
        path = archive.extract("annotations/person_keypoints_val2017.json", tmp_path)
    with redirect_stdout(io.StringIO()):
        truth = COCOFile(path)
        results = []
        for row in (row for row in truth.anns.values() if row["num_keypoints"]):
            xy = np.array(row["keypoints"], float).reshape(17, 3)[:, :2]
            x, y, width, height = row["bbox"]
            pose = Pose(np.vstack([xy, [[0, 0], [0, 0]]]), np.full(19, 0.9), np.array([x, y, x + width, y + height]))
            results += map(json.loads, POSE_FORMATS["coco"].lines(row["image_id"], 0.0, [pose], BODY))
        judged = COCOeval(truth, truth.loadRes(results), "keypoints")
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    assert judged.stats[0] == pytest.approx(1)


def test_openpose_has_the_models_own_neck(spec):
    [person] = DOCUMENTS["openpose"]([WHOLE], (60, 41), replace(spec, skeleton=BODY))["people"]
    assert person["pose_keypoints_2d"][3:6] == [34, 35, round(WHOLE.score[17], 4)]


def test_native_lists_every_keypoint(spec):
    [pose] = DOCUMENTS["native"]([WHOLE], (60, 41), replace(spec, skeleton=BODY))["poses"]
    assert [keypoint["name"] for keypoint in pose["keypoints"]] == [*COCO.keypoints, "neck", "head_top"]


@pytest.mark.parametrize("form", POSE_FORMATS)
def test_a_file_of_lines_is_known(form, tmp_path):
    row, path = POSE_FORMATS[form], tmp_path / "x"
    path.write_text("\n".join(([row.header] if row.header else []) + row.lines(0, 0.0, PEOPLE, LSP)))
    assert holds_poses(path)


@pytest.mark.parametrize("indent", [None, 1])
def test_an_images_document_is_known(spec, tmp_path, indent):
    document = DOCUMENTS["native"](PEOPLE, (60, 41), spec)
    (tmp_path / "x").write_text(json.dumps({"image": "a.jpg", **document}, indent=indent))
    assert holds_poses(tmp_path / "x")


@pytest.mark.parametrize(
    "text",
    ["notes", "", '{"images": [], "annotations": [], "categories": []}', '[{"frame": 0}]', "{\n", '"poses"', "1,2,3"],
)
def test_other_files_are_not_taken_for_poses(text, tmp_path):
    (tmp_path / "x").write_text(text)
    (tmp_path / "y").write_bytes(bytes(range(256)))
    assert not holds_poses(tmp_path / "x") and not holds_poses(tmp_path / "y")


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
