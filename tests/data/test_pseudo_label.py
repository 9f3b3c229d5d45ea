import json

import numpy as np
import pseudo_label
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.support.ramps import ramp_image
from unipose.core.image import read_image
from unipose.core.pose import Pose
from unipose.datasets.records import read_records
from unipose.datasets.synthetic.images import draw_sample
from unipose.weights import default_weights

BOXES = np.array([[20.0, 10, 120, 90], [0, 0, 160, 100]])


@given(st.sampled_from(pseudo_label.PROPORTIONS))
def test_boxes_are_stretched_with_their_image(proportion):
    image, boxes = pseudo_label.stretch(ramp_image((160, 100)), BOXES, proportion)
    height, width = image.shape[:2]
    assert width / height == pytest.approx(1.6 * proportion, rel=0.02)
    assert width * height == pytest.approx(16000, rel=0.02)
    assert boxes[1] == pytest.approx([0, 0, width, height])
    assert boxes[0] / [width, height, width, height] == pytest.approx(BOXES[0] / [160, 100, 160, 100])


@pytest.mark.parametrize(("score", "outside", "labels"), [(0.6, 0, 19), (0.6, 3, 16), (0.4, 0, None), (0.6, 15, None)])
def test_sure_keypoints_within_the_image_are_labels(score, outside, labels):
    xy = np.full((19, 2), 30.0)
    xy[:outside] = (200, 30)
    entry = pseudo_label.label(Pose(xy, np.full(19, score), BOXES[0]), ramp_image((160, 100)), 0.5, 3, 8)
    if labels is None:
        assert entry is None
    else:
        assert (entry["id"], entry["image_id"], entry["num_keypoints"]) == (3, 8, labels)
        assert entry["bbox"] == [20, 10, 100, 80]


@pytest.mark.parametrize("stretched", [False, True])
def test_people_with_boxes_get_keypoints(tmp_path, capsys, stretched):
    train, _ = draw_sample(tmp_path / "drawn", count=6, seed=3)
    content = json.loads(train.read_text(encoding="utf-8"))
    if stretched:  # to squares
        for image in content["images"]:
            path = train.parent / content["info"]["image_root"] / image["file_name"]
            Image.open(path).resize((128, 128)).save(path)
            for person in content["annotations"]:
                if person["image_id"] == image["id"]:
                    scale = [128 / image["width"], 128 / image["height"]]
                    person["bbox"] = np.multiply(person["bbox"], scale * 2).tolist()
            image["width"] = image["height"] = 128
    for person in content["annotations"]:
        person["keypoints"], person["num_keypoints"] = [0] * len(person["keypoints"]), 0
    train.write_text(json.dumps(content), encoding="utf-8")
    arguments = [str(train), "--out", str(tmp_path / "out"), "--model", str(default_weights()), "--min-score", "0.2"]
    assert pseudo_label.main([*arguments, *(["--stretched"] if stretched else [])]) == 0
    found = read_records(tmp_path / "out" / "train.json")
    assert f"{len(found.records)} of {len(content['annotations'])} people labelled" in capsys.readouterr().out
    assert len(found.records) >= 2 and found.skeleton.name == "body19" and not found.complete
    for record in found.records:
        height, width = read_image(record.image_path).shape[:2]
        assert (record.box_xyxy <= np.array([width, height, width, height]) + 1).all()


def test_a_share_is_no_score(tmp_path, capsys):
    arguments = [str(tmp_path / "a.json"), "--out", str(tmp_path), "--min-score", "40"]
    assert pseudo_label.main(arguments) == 2
    assert "--min-score is a number from 0 to 1, got 40" in capsys.readouterr().err
