import io
import json
import sys
from dataclasses import dataclass, field
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

import unipose
from tests.support.ramps import ramp_image
from unipose.core.image import read_image
from unipose.core.pose_formats import coco_document, native_document
from unipose.pipelines.image import is_result

WIDTH, HEIGHT = 310, 230
BOXES = [[20.0, 10.0, 300.0, 225.0], [40.0, 12.0, 280.0, 200.0]]


@pytest.fixture
def predictor(ramp_reader):
    return unipose.Predictor(ramp_reader)


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "ramp.png"
    Image.fromarray(ramp_image((WIDTH, HEIGHT))).save(path)
    return path


@pytest.fixture
def two(predictor, photo):
    return predictor(photo, BOXES)


@pytest.fixture
def nobody(predictor, photo):
    return predictor(photo, np.zeros((0, 4)))


def test_its_arrays_are_those_of_its_poses(two, nobody, spec, photo):
    keypoints = len(spec.skeleton.keypoints)
    for result, count in ((two, 2), (nobody, 0)):
        assert result.keypoints.shape == (count, keypoints, 2) and result.scores.shape == (count, keypoints)
        assert result.boxes.shape == (count, 4) and result.person_scores.shape == (count,)
        assert result.names == spec.skeleton.keypoints
        assert (result.image_wh, result.path) == ((WIDTH, HEIGHT), photo)
    for i, pose in enumerate(two):
        np.testing.assert_array_equal(two.keypoints[i], pose.xy_image)
        np.testing.assert_array_equal(two.scores[i], pose.score)
        np.testing.assert_array_equal(two.boxes[i], BOXES[i])
        assert two.person_scores[i] == pose.person_score


def test_it_is_a_sequence_of_poses(two, nobody):
    first, second = two
    assert len(two) == 2 and two[0] is first and two[-1] is second and list(reversed(two)) == [second, first]
    assert first in two and two and not nobody
    assert isinstance(two[1:], unipose.Result) and two[1:].boxes.tolist() == [BOXES[1]]


def test_it_says_who_is_in_which_photo(two, nobody, photo):
    assert repr(two) == f"<Result: 2 people in {photo}, 310 x 230>"
    assert repr(two[:1]).startswith("<Result: 1 person in") and repr(nobody).startswith("<Result: nobody in")


def test_a_list_gives_one_for_each(predictor, photo):
    results = predictor([str(photo), ramp_image((90, 120))])
    assert [(result.path, result.image_wh) for result in results] == [(photo, (310, 230)), (None, (90, 120))]


@pytest.mark.parametrize("kind", ["path", "bytes", "file", "array", "pillow"])
def test_it_is_drawn_whatever_the_photo_came_as(predictor, photo, kind):
    """Also where the picture that came cannot be looked at a second time."""
    pixels = read_image(photo)
    with Image.open(photo) as opened:
        image = {
            "path": photo, "bytes": photo.read_bytes(), "file": io.BytesIO(photo.read_bytes()), "array": pixels,
            "pillow": opened,
        }[kind]  # fmt: skip
        result = predictor(image, BOXES)
    expected = unipose.draw_poses(pixels, result, predictor.spec.skeleton)
    np.testing.assert_array_equal(result.plot(), expected)
    assert (result.plot() != result.plot(min_score=1)).any()
    assert (result.path is None) == (kind != "path")


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.png"])
def test_a_picture_is_saved_and_may_be_saved_again(two, tmp_path, name):
    for _ in range(2):
        two.save(str(tmp_path / name))
    saved = read_image(tmp_path / name)
    apart = np.abs(saved.astype(int) - two.plot()).mean()
    assert apart == 0 if name == "a.png" else apart < 3
    assert is_result(tmp_path / name)


def test_the_photo_itself_is_never_replaced(two, photo, tmp_path):
    before = photo.read_bytes()
    (tmp_path / "link.png").symlink_to(photo)
    for path in (photo, tmp_path / "link.png"):
        with pytest.raises(ValueError, match="would overwrite what it is made from"):
            two.save(path)
    with pytest.raises(ValueError, match=r"a\.gif: a picture is saved as \.jpg, \.jpeg, \.png"):
        two.save("a.gif")
    assert photo.read_bytes() == before


def test_its_documents(two, spec, photo):
    native = native_document(list(two), (WIDTH, HEIGHT), spec)
    assert two.to_dict() == {"image": "ramp.png", **native}
    assert json.loads(two.to_json()) == two.to_dict()
    assert two.to_coco() == coco_document(list(two), (WIDTH, HEIGHT), spec)


def test_a_photo_without_a_name_has_none_in_its_document(predictor, spec):
    assert "image" not in predictor(ramp_image((WIDTH, HEIGHT))).to_dict()


def test_a_table_has_a_row_for_each_keypoint(two, nobody):
    pytest.importorskip("pandas")
    table, keypoints = two.to_dataframe(), len(two.names)
    assert list(table) == ["person", "person_score", "keypoint", "x", "y", "score"]
    assert len(table) == 2 * keypoints and len(nobody.to_dataframe()) == 0
    row = table.iloc[keypoints + 3]
    assert (row.person, row.keypoint, row.person_score) == (1, two.names[3], two[1].person_score)
    assert (row.x, row.y, row.score) == (*two[1].xy_image[3], two[1].score[3])


@dataclass
class KeyPoints:
    """As supervision's, whose fields these are."""

    xy: np.ndarray
    class_id: np.ndarray | None = None
    keypoint_confidence: np.ndarray | None = None
    detection_confidence: np.ndarray | None = None
    visible: np.ndarray | None = None
    data: dict = field(default_factory=dict)


def test_supervision_gets_its_keypoints(two, monkeypatch):
    library = ModuleType("supervision")
    library.KeyPoints = KeyPoints
    monkeypatch.setitem(sys.modules, "supervision", library)
    made = two.to_supervision()
    np.testing.assert_allclose(made.xy, two.keypoints, atol=1e-3)
    np.testing.assert_allclose(made.keypoint_confidence, two.scores, atol=1e-6)
    assert made.class_id.tolist() == [0, 0] and len(made.detection_confidence) == 2


@pytest.mark.parametrize(("method", "package"), [("to_dataframe", "pandas"), ("to_supervision", "supervision")])
def test_a_missing_library_is_named_by_the_line_that_installs_it(two, monkeypatch, method, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError, match=f"Result.{method} needs {package}, .*: pip install {package}$"):
        getattr(two, method)()
