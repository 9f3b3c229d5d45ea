import json

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.support.onnx_files import INPUTS, PERSON, constant, yolox_rows
from tests.support.ramps import ramp_image
from unipose.datasets.synthetic.images import draw_sample
from unipose.inference.detectors.detector import DETECTORS
from unipose.predict import main


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    draw_sample(folder, count=5, seed=2)
    return sorted((folder / "images").glob("*.jpg"))[:2]


def test_pictures_and_json(photos, tmp_path, capsys):
    assert main([*map(str, photos), "--out", str(tmp_path / "new" / "out")]) == 0
    assert capsys.readouterr().out.count(".jpg") == 2
    for photo in photos:
        answer = json.loads((tmp_path / "new" / "out" / f"{photo.stem}.json").read_text())
        picture = cv2.imread(str(tmp_path / "new" / "out" / f"{photo.stem}.jpg"))
        assert picture.shape[:2] == (answer["height"], answer["width"]) == cv2.imread(str(photo)).shape[:2]
        assert answer["model"]["name"] == "unipose-lsp-s" and answer["model"]["skeleton"] == "lsp14"
        [pose] = answer["poses"]
        assert len(pose["keypoints"]) == 14
        assert all(np.isfinite([k["x"], k["y"]]).all() and 0 <= k["score"] <= 1 for k in pose["keypoints"])


def test_a_given_box_is_the_answers_box(photos, tmp_path):
    assert main([str(photos[0]), "--out", str(tmp_path), "--box", "10", "12", "100", "150.5", "--flip"]) == 0
    [pose] = json.loads((tmp_path / f"{photos[0].stem}.json").read_text())["poses"]
    assert pose["box"] == [10, 12, 100, 150.5]


def test_a_detector_finds_the_people(photos, tmp_path):
    rows = yolox_rows(([30, 4, 60, 60], 0.8, PERSON), ([2, 4, 28, 60], 0.9, PERSON), ([0, 70, 60, 120], 0.5, PERSON))
    file = constant(tmp_path / "two.onnx", INPUTS["yolox"], exp=True, output=rows)
    options = ["--detector", "onnx", "--detector-weights", file, "--detector-threshold", "0.6"]
    assert main([str(photos[0]), "--out", str(tmp_path), *options]) == 0
    poses = json.loads((tmp_path / f"{photos[0].stem}.json").read_text())["poses"]
    assert len(poses) == 2 and poses[0]["box"][0] < poses[1]["box"][0]


def test_one_bad_image_does_not_stop_the_others(photos, tmp_path, capsys):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(photos[0].read_bytes()[:500])
    missing = tmp_path / "none.jpg"
    assert main([str(bad), str(missing), str(photos[0]), "--out", str(tmp_path / "out")]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert [line.startswith("error: ") for line in errors] == [True, True]
    assert "bad.jpg" in errors[0] and "damaged JPEG" in errors[0] and "none.jpg" in errors[1]
    assert (tmp_path / "out" / f"{photos[0].stem}.json").exists()


def test_results_never_overwrite_each_other(tmp_path, capsys):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        Image.fromarray(ramp_image((30, 20))).save(tmp_path / folder / "x.png")
    assert main([str(tmp_path / "a" / "x.png"), str(tmp_path / "b" / "x.png"), "--out", str(tmp_path)]) == 2
    assert "same name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--model", "none.onnx"], "no model file"),
        (["--engine", "torch"], "torch reads .safetensors"),
        (["--device", "tpu"], "no device"),
        (["--detector", "onnx"], "needs weights"),
        (["--detector", "onnx", "--detector-weights", "none.onnx"], "no detector file none.onnx"),
        (["--detector-weights", "a.onnx"], "has no weights"),
        (["--detector-threshold", "50"], "from 0 to 1"),
        (["--detector", "onnx", "--box", "1", "2", "3", "4"], "give one of them"),
    ],
)
def test_wrong_options_are_one_line(photos, tmp_path, capsys, option, message):
    assert main([str(photos[0]), "--out", str(tmp_path), *option]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1


def test_a_missing_package_is_one_line(photos, tmp_path, capsys, monkeypatch):
    def needs_more(*_):
        raise ModuleNotFoundError("No module named 'torchvision'", name="torchvision")

    monkeypatch.setitem(DETECTORS, "torchvision", needs_more)
    assert main([str(photos[0]), "--out", str(tmp_path), "--detector", "torchvision", "--detector-weights", "x"]) == 2
    assert capsys.readouterr().err == "error: this needs torchvision, which is not installed\n"
