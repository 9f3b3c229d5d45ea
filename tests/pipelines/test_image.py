import json
import re

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


@pytest.mark.parametrize(("name", "kind", "count"), [("a.webp", "WEBP", 3), ("a.png", "PNG", 3), ("a.tif", "TIFF", 3)])
def test_of_several_frames_the_first_is_taken_and_that_is_told(ramp_reader, tmp_path, name, kind, count, caplog):
    first, *others = (Image.fromarray(np.roll(ramp_image((120, 90)), 30 * i, axis=1)) for i in range(count))
    first.save(
        tmp_path / name, kind, save_all=True, append_images=others, **({"lossless": True} if kind == "WEBP" else {})
    )
    [pose] = predict_image(Predictor(ramp_reader), tmp_path / name, tmp_path / "out")
    assert np.abs(pose.xy_image - ramp_joints((120, 90))).max() < 1
    assert f"{tmp_path / name} has 3 frames or pages: the first is taken; `unipose video` takes all" in caplog.text
    caplog.clear()
    first.save(tmp_path / "one.png")
    predict_image(Predictor(ramp_reader), tmp_path / "one.png", tmp_path / "one")
    assert not caplog.text


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


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((0.1, 0.2, 0.9, 1), "--box: is in pixels, x1, y1, x2, y2, not in shares of the image; got [0.1, 0.2, 0.9, 1]"),
        ((10, 20, 10.5, 90), "--box: must have x2 at least 1 more than x1"),
        ((90, 20, 10, 80), "--box: must have x2 at least 1 more than x1"),
        ((10, 20, float("nan"), 90), "--box[2]: is nan, no number"),
        ((10, 20, 30), "boxes are (N, 4)"),
        ((10, 20, 30, 40, 50), "boxes are (N, 4)"),
    ],
)
def test_a_box_that_cannot_be(box, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ImageOptions(box=box)


def test_nothing_is_written_for_a_box_beside_the_picture(ramp_reader, tmp_path):
    Image.fromarray(ramp_image((120, 90))).save(tmp_path / "in.png")
    options = ImageOptions(box=(120, 10, 200, 80))
    with pytest.raises(ValueError, match=re.escape("--box: lies outside the image, which covers [0, 0, 120, 90]")):
        predict_image(Predictor(ramp_reader), tmp_path / "in.png", tmp_path / "out", options)
    assert [path.name for path in tmp_path.iterdir()] == ["in.png"]
