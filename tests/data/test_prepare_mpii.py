import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from prepare_mpii import main
from scipy.io import savemat

from tests.support.archives import zipped
from tests.support.image_files import encoded
from unipose.datasets.records import read_records

LABELS = "mpii/annotations/valid.json"
PICTURE = "mpii/images/0001.jpg"


def person(**changes) -> dict:
    """Joint k at (41 + k, 51 + 2 k), its ankles not labelled; neck and head top are 30 and 40 pixels apart."""
    joints = [[41.0 + k, 51.0 + 2 * k] for k in range(16)]
    joints[0] = joints[5] = [-1.0, -1.0]
    joints[8], joints[9] = [101.0, 81.0], [71.0, 41.0]
    vis = [0, 1, 1, 1, 1, 0] + [1] * 10
    return {"joints": joints, "joints_vis": vis, "image": "0001.jpg", "scale": 0.5, "center": [61.0, 71.0]} | changes


JPEG = encoded(Image.new("RGB", (150, 120)), "JPEG")


def mpii(path: Path, people, picture: bytes = JPEG) -> Path:
    """An archive with `people`, as JSON unless they are text, in valid.json, and one image."""
    text = people if isinstance(people, str) else json.dumps(people)
    return zipped(path, {LABELS: text.encode(), PICTURE: picture})


@pytest.mark.parametrize(("first_pixel", "shift"), [([], 1), (["--first-pixel", "0"], 0)])
def test_a_person(tmp_path, first_pixel, shift):
    source = mpii(tmp_path / "mpii.zip", [person(), person(center=[100.0, 20.0], scale=0.1)])
    assert main([str(source), "--out", str(tmp_path), *first_pixel]) == 0
    first, second = read_records(tmp_path / "valid.json").records
    assert first.image_path == second.image_path
    assert first.image_path.read_bytes() == JPEG
    assert first.labelled.tolist() == first.visible.tolist() == [bool(v) for v in person()["joints_vis"]]
    assert first.xy_image[1].tolist() == [42 - shift, 53 - shift]
    # The pixel (61, 71), counted from 1, has its middle at the edges' (60.5, 70.5); + 7.5 down; 100 x 100, unclipped.
    np.testing.assert_allclose(first.box_xyxy, (11.5 - shift, 29 - shift, 111.5 - shift, 129 - shift))
    np.testing.assert_allclose(second.box_xyxy, (90.5 - shift, 12 - shift, 110.5 - shift, 32 - shift))
    assert first.head_size == 0.75 * 50


def test_head_sizes_come_from_head_boxes_where_given(tmp_path):
    boxes = np.array([[[10, 20], [30, 40]], [[40, 26], [70, 48]]], float)  # corners, x and y, people
    savemat(tmp_path / "gt_valid.mat", {"headboxes_src": boxes})
    source = mpii(tmp_path / "mpii.zip", [person(), person()])
    arguments = [str(source), "--out", str(tmp_path), "--head-boxes", str(tmp_path / "gt_valid.mat")]
    assert main(arguments) == 0
    assert [r.head_size for r in read_records(tmp_path / "valid.json").records] == [0.6 * 50, 0.6 * 10]
    assert main([*arguments[:1], "--out", str(tmp_path / "b"), "--head-boxes", str(tmp_path / "none.mat")]) == 2
    mpii(source, [person()])
    assert main(arguments) == 2


def test_a_head_that_is_not_labelled_has_no_size(tmp_path, capsys):
    vis = person()["joints_vis"]
    vis[9] = 0
    assert main([str(mpii(tmp_path / "mpii.zip", [person(joints_vis=vis)])), "--out", str(tmp_path)]) == 0
    assert "1 images, 1 persons, 1 without head size" in capsys.readouterr().out
    [record] = read_records(tmp_path / "valid.json").records
    assert record.head_size is None


@pytest.mark.parametrize(
    ("people", "picture", "message"),
    [
        ([person(), person(image="0002.jpg")], JPEG, "mpii/images/0002.jpg is missing"),
        ([person()], b"text", f"{PICTURE} is not a readable image"),
        (json.dumps([person()])[:-9], JPEG, f"{LABELS} is not whole JSON"),
        ({"people": []}, JPEG, f"{LABELS} must be a list of people"),
        ([person(), 7], JPEG, f"{LABELS}: person 2: not a person"),
        ([person(), person(scale=None)], JPEG, f"{LABELS}: person 2: not a person"),
        ([person(joints=[[1, 2]] * 15)], JPEG, f"{LABELS}: person 1: joints must be (16, 2)"),
        ([person(joints=[[1, math.nan]] * 16)], JPEG, f"{LABELS}: person 1: a coordinate or the scale is not finite"),
        ([person(scale=math.inf)], JPEG, f"{LABELS}: person 1: a coordinate or the scale is not finite"),
        ([person(center=[900, 71])], JPEG, f"{LABELS}: person 1: center [899. 70.] and scale 0.5 give no box"),
        ([person(scale=0)], JPEG, f"{LABELS}: person 1: center"),
    ],
)
def test_damaged_input_is_refused_by_name(tmp_path, refused, people, picture, message):
    refused(main, mpii(tmp_path / "mpii.zip", people, picture), message)


def test_a_source_without_labels_is_refused(tmp_path, capsys):
    assert main([str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "has neither annotations/train.json nor annotations/valid.json" in capsys.readouterr().err


def test_the_real_sample(tmp_path, real_data):
    assert main([str(real_data / "mpii_sample.zip"), "--out", str(tmp_path)]) == 0
    records = read_records(tmp_path / "valid.json").records
    assert len(records) == 5
    for record in records:
        xy = record.xy_image[record.labelled]
        assert (xy > record.box_xyxy[:2] - 2).all()
        assert (xy < record.box_xyxy[2:] + 2).all()
        # Head boxes have whole-numbered sides: if their diagonal is head size / 0.6, its square is a whole number.
        square = (record.head_size / 0.6) ** 2
        assert square == pytest.approx(round(square), abs=0.05)
        assert square > 1000
