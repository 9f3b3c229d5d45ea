import json

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.support.ramps import ramp_image, ramp_joints
from unipose.core.image import read_image
from unipose.inference.predictor import Predictor
from unipose.pipelines.image import ImageOptions, is_result, predict_image


def test_the_joints_are_written_and_drawn_on_the_picture(ramp_reader, tmp_path):
    image = ramp_image((120, 90))
    Image.fromarray(image).save(tmp_path / "in.png")
    [pose] = predict_image(Predictor(ramp_reader), tmp_path / "in.png", tmp_path / "out.png")
    assert pose.person_score > 0.3
    answer = json.loads((tmp_path / "out.png.json").read_text())
    assert (answer["image"], answer["width"], answer["height"]) == ("in.png", 120, 90)
    found = [[joint["x"], joint["y"]] for joint in answer["poses"][0]["keypoints"]]
    assert np.abs(np.array(found) - ramp_joints((120, 90))).max() < 1
    picture = cv2.cvtColor(cv2.imread(str(tmp_path / "out.png.jpg")), cv2.COLOR_BGR2RGB)
    apart = np.abs(picture.astype(int) - image).max(axis=2)
    assert np.median(apart) < 8 and (apart > 60).sum() > 100


def test_its_results_are_known_and_others_are_not(ramp_reader, tmp_path):
    Image.fromarray(ramp_image((120, 90))).save(tmp_path / "in.jpg")
    predict_image(Predictor(ramp_reader), tmp_path / "in.jpg", tmp_path / "out")
    assert is_result(tmp_path / "out.jpg") and is_result(tmp_path / "out.json")
    assert read_image(tmp_path / "out.jpg").shape == (90, 120, 3)
    (tmp_path / "in.json").write_text("{}")
    assert not is_result(tmp_path / "in.jpg") and not is_result(tmp_path / "in.json")


@pytest.mark.parametrize("score", [0.0, 0.99])
def test_joints_are_drawn_from_a_score_up(ramp_reader, tmp_path, score):
    image = ramp_image((120, 90))
    Image.fromarray(image).save(tmp_path / "in.png")
    predict_image(Predictor(ramp_reader), tmp_path / "in.png", tmp_path / "out", ImageOptions(min_joint_score=score))
    drawn = (np.abs(read_image(tmp_path / "out.jpg").astype(int) - image).max(axis=2) > 60).sum()
    assert drawn > 100 if score == 0 else drawn == 0
    assert len(json.loads((tmp_path / "out.json").read_text())["poses"][0]["keypoints"]) == 14


@pytest.mark.parametrize("wrong", [{"max_people": 0}, {"max_people": -1}, {"min_joint_score": 1.5}])
def test_options_that_cannot_be(wrong):
    with pytest.raises(ValueError, match="from"):
        ImageOptions(**wrong)
