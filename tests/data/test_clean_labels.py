import json
from dataclasses import replace
from pathlib import Path

import clean_labels
import numpy as np
import pytest

from unipose.core.pose import Pose
from unipose.core.skeleton import SKELETONS
from unipose.datasets.records import read_records
from unipose.datasets.synthetic.images import draw_sample

LSP = SKELETONS["lsp14"]
WRIST = LSP.keypoints.index("left_wrist")


@pytest.fixture
def record(tmp_path):
    train, _ = draw_sample(tmp_path, count=5, seed=0)
    return replace(read_records(train).records[0], labelled=np.ones(14, bool))


def predicted(record, **moved):
    """A perfect prediction, but for the keypoints that are `moved` by a number of torso lengths."""
    xy = record.xy_image.copy()
    for name, torsos in moved.items():
        xy[LSP.keypoints.index(name), 0] += torsos * clean_labels.torso(record, LSP)
    return Pose(xy, np.full(14, 0.9), record.box_xyxy)


@pytest.mark.parametrize(
    ("torsos", "score", "kept"), [(0.0, 0.9, True), (0.4, 0.9, True), (0.6, 0.9, False), (0.6, 0.2, True)]
)
def test_a_label_far_from_a_confident_prediction_is_removed(record, torsos, score, kept):
    pose = predicted(record, left_wrist=torsos)
    pose.score[WRIST] = score
    labelled, swapped = clean_labels.clean(record, pose, LSP)
    assert labelled[WRIST] == kept and labelled.sum() == 13 + kept and not swapped


def test_swapped_sides_are_swapped_back(record):
    mirror = list(LSP.mirror)
    wrong = replace(record, xy_image=record.xy_image[mirror])
    labelled, swapped = clean_labels.clean(wrong, predicted(record), LSP)
    assert swapped and labelled.all()
    unsure = replace(predicted(record), score=np.full(14, 0.3))
    labelled, swapped = clean_labels.clean(wrong, unsure, LSP)
    assert labelled.all() and not swapped


def test_a_set_without_people_is_refused(tmp_path, capsys):
    train, _ = draw_sample(tmp_path / "data", count=5, seed=0)
    content = json.loads(train.read_text())
    train.write_text(json.dumps(content | {"annotations": []}))
    assert clean_labels.main(["default", str(train), "--out", str(tmp_path / "clean.json")]) == 2
    assert "has no labelled keypoint" in capsys.readouterr().err and not (tmp_path / "clean.json").exists()


def test_the_cleaned_set(tmp_path, capsys, monkeypatch):
    """Of two people one has swapped sides, the other a wrist far away; the images stay where they are."""
    train, _ = draw_sample(tmp_path / "data", count=10, seed=0)
    content = json.loads(train.read_text())
    content["annotations"] = content["annotations"][:2]
    train.write_text(json.dumps(content))
    right = read_records(train)
    poses = [Pose(record.xy_image, np.full(14, 0.9), record.box_xyxy) for record in right.records]
    swapped, moved = (np.array(person["keypoints"]).reshape(14, 3) for person in content["annotations"])
    content["annotations"][0]["keypoints"] = swapped[list(LSP.mirror)].ravel().tolist()
    moved[WRIST, :2] += 999
    content["annotations"][1]["keypoints"] = moved.ravel().tolist()
    train.write_text(json.dumps(content))
    monkeypatch.setattr(clean_labels, "predict_records", lambda predictor, record_set: poses)
    out = tmp_path / "new" / "clean.json"
    assert clean_labels.main(["default", str(train), "--out", str(out)]) == 0
    assert "1 of 28 labels (3.6 %) gone, 1 people's sides exchanged" in capsys.readouterr().out
    first, second = read_records(out).records
    np.testing.assert_array_equal(first.xy_image, right.records[0].xy_image)
    assert second.labelled.sum() == right.records[1].labelled.sum() - 1 and not second.labelled[WRIST]
    assert Path(first.image_path).is_file()


def test_errors_are_one_line(tmp_path, capsys):
    assert clean_labels.main(["none.onnx", str(tmp_path / "none.json"), "--out", str(tmp_path / "out.json")]) == 2
    assert capsys.readouterr().err.startswith("error: ")
