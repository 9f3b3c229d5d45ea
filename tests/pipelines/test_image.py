import json

import cv2
import numpy as np
from PIL import Image

from tests.support.ramps import ramp_image, ramp_joints
from unipose.inference.predictor import Predictor
from unipose.pipelines.image import predict_image


def test_the_joints_are_written_and_drawn_on_the_picture(ramp_reader, tmp_path):
    image = ramp_image((120, 90))
    Image.fromarray(image).save(tmp_path / "in.png")
    predict_image(Predictor(ramp_reader), tmp_path / "in.png", tmp_path / "out.png")
    answer = json.loads((tmp_path / "out.png.json").read_text())
    assert (answer["image"], answer["width"], answer["height"]) == ("in.png", 120, 90)
    found = [[joint["x"], joint["y"]] for joint in answer["poses"][0]["keypoints"]]
    assert np.abs(np.array(found) - ramp_joints((120, 90))).max() < 1
    picture = cv2.cvtColor(cv2.imread(str(tmp_path / "out.png.jpg")), cv2.COLOR_BGR2RGB)
    apart = np.abs(picture.astype(int) - image).max(axis=2)
    assert np.median(apart) < 8 and (apart > 60).sum() > 100
