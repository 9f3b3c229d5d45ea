import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.support.image_files import encoded, exif_orientation
from tests.support.onnx_files import INPUTS, constant, red_finder, yolox_rows
from tests.support.ramps import ramp_image, ramp_joints
from unipose.core.boxes import Detections
from unipose.core.image import open_image, read_image
from unipose.core.picture import Picture
from unipose.inference.detectors.detector import DETECTORS, WEIGHTS, WholeImage, detect, open_detector
from unipose.inference.predictor import Predictor

SIZE = (310, 230)
LEFT, RIGHT = [8, 5, 300, 196], [50, 20, 290, 220]


def test_the_whole_image_is_one_box_to_be_refined():
    boxes = WholeImage().detect(np.zeros((30, 50, 3), np.uint8)).boxes_xyxy
    assert boxes.tolist() == [[0, 0, 50, 30]]
    assert WholeImage().refinement == "keypoints"
    assert open_detector("whole") == WholeImage()


def test_every_row_opens(tmp_path):
    weights = {"onnx": red_finder(tmp_path / "a.onnx", "yolox")}
    assert list(DETECTORS) == ["finder", "whole", "box_maps", "torchvision", "onnx"]
    assert WEIGHTS.keys() < DETECTORS.keys()
    for name in ("whole", "box_maps", "onnx"):  # the others have tests of their own
        detector = open_detector(name, weights.get(name), threshold=0.4, device="cpu", threads=1)
        assert detector.refinement == {"whole": "keypoints", "box_maps": "box_maps"}.get(name, "none")
        assert detector.detect(np.full((20, 30, 3), 255, np.uint8)).boxes_xyxy.tolist() == [[0, 0, 30, 20]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "yolo"}, "no detector 'yolo'; choose one of finder, whole, box_maps, torchvision, onnx"),
        ({"name": "onnx"}, "'onnx' needs weights: --detector-weights is an ONNX file of YOLOX or RT-DETR"),
        ({"name": "torchvision", "weights": ""}, "'torchvision' needs weights: --detector-weights is .*NAME:FILE"),
        ({"name": "whole", "weights": "a.onnx"}, r"'whole' has no weights; leave --detector-weights a\.onnx out"),
        ({"name": "whole", "threshold": 1.5}, "from 0 to 1, got 1.5"),
        ({"name": "whole", "threshold": float("nan")}, "from 0 to 1, got nan"),
    ],
)
def test_what_cannot_be_opened_is_explained(arguments, message):
    with pytest.raises(ValueError, match=message):
        open_detector(**arguments)


def test_the_threshold_reaches_the_row(tmp_path):
    file = red_finder(tmp_path / "a.onnx", "rtdetr")  # sure to 0.9
    image = np.zeros((30, 50, 3), np.uint8)
    image[5:20, 8:40] = 255
    assert len(open_detector("onnx", file, 0.89).detect(image)) == 1
    assert len(open_detector("onnx", file, 0.91).detect(image)) == 0


@pytest.mark.parametrize(
    ("missing", "name", "weights"),
    [("torch", "torchvision", "x"), ("torchvision", "torchvision", "x"), ("onnxruntime", "onnx", __file__)],
)
def test_a_missing_package_is_named(monkeypatch, missing, name, weights):
    class Absent:
        def find_spec(self, name, *_):
            if name.split(".")[0] == missing:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    for module in [module for module in reversed(sys.modules) if module.split(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])
    with pytest.raises(ImportError) as caught:
        open_detector(name, weights)
    assert caught.value.name == missing


def test_detectors_load_no_engine_before_they_are_opened():
    engines = {"torch", "torchvision", "onnxruntime"}
    code = f"import sys, unipose.inference.detectors.detector; sys.exit(bool({engines} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_two_people_go_through_the_model_in_one_batch(tmp_path, ramp_reader, monkeypatch):
    monkeypatch.setattr("unipose.inference.predictor.DUPLICATE_OKS", 1.0)  # the ramp shows one person, twice found
    found = {"boxes": np.float32([[RIGHT, LEFT]]), "scores": np.float32([[0.7, 0.9]]), "labels": np.array([[0, 0]])}
    file = constant(tmp_path / "a.onnx", INPUTS["rtdetr"], **found)
    predictor = Predictor(ramp_reader, open_detector("onnx", file), decoder="quadratic")
    [poses] = predictor.predict([ramp_image(SIZE)])
    assert sorted(pose.box_xyxy.tolist() for pose in poses) == [LEFT, RIGHT]
    for pose in poses:
        assert np.abs(pose.xy_image - ramp_joints(SIZE)).max() < 0.4
    assert ramp_reader.batches == [2]
    assert sorted(pose.detection for pose in poses) == pytest.approx([0.7, 0.9])
    [[pose]] = predictor.predict([ramp_image(SIZE)], max_people=1)
    assert pose.box_xyxy.tolist() == LEFT  # the best
    assert ramp_reader.batches == [2, 1]


def test_nobody_found_is_nobody_asked_about(tmp_path, ramp_reader):
    file = constant(tmp_path / "a.onnx", INPUTS["yolox"], exp=True, output=yolox_rows())
    assert Predictor(ramp_reader, open_detector("onnx", file)).predict([ramp_image(SIZE)] * 2) == [[], []]
    assert ramp_reader.batches == []


class Bright:
    """Finds the box around what is bright, and remembers how large the images were."""

    refinement = "none"

    def __init__(self, input_wh):
        self.input_wh, self.widths = input_wh, []

    def detect(self, image):
        self.widths.append(image.shape[1])
        rows, columns = np.nonzero(image[..., 0] > 127)
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        return Detections(np.array([box], np.float64), np.array([0.5]))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_found_in_coarse_pixels_are_the_images(orientation):
    """To half a pixel of these, and within the image, whose sides are no multiples of the step."""
    grey = np.zeros((1001, 2703), np.uint8)
    grey[301:, 2402:] = 255
    data = encoded(Image.fromarray(grey), "JPEG", quality=95, exif=exif_orientation(orientation))
    detector = Bright((320, 320))
    exact, found = detector.detect(read_image(data)), detect(detector, picture := Picture(open_image(data)))
    assert detector.widths[1] == -(-detector.widths[0] // 2)
    assert np.abs(found.boxes_xyxy - exact.boxes_xyxy).max() <= 1 and found.scores is not None
    assert found.boxes_xyxy.min() >= 0 and (found.boxes_xyxy[0, 2:] <= picture.image_wh).all()


@pytest.mark.parametrize(
    ("size_wh", "input_wh", "step"),
    [
        ((4000, 3000), (320, 320), 2),  # people are looked at closer yet
        ((8000, 6000), (320, 320), 4),
        ((6000, 500), (320, 320), 1),  # a panorama has no rows to spare
        ((4000, 3000), (1280, 1280), 2),
        ((4000, 3000), (1600, 1600), 1),
        ((4000, 3000), None, 1),
    ],
)
def test_how_finely_an_image_is_decoded_for_a_detector(size_wh, input_wh, step):
    data = encoded(Image.new("RGB", size_wh, "white"), "JPEG")
    detector = Bright(input_wh)
    [box] = detect(detector, Picture(open_image(data))).boxes_xyxy
    assert detector.widths == [size_wh[0] // step] and box.tolist() == [0, 0, *size_wh]
