import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unipose.core.pose import OPENPOSE_18, Pose
from unipose.core.skeleton import SKELETONS, Skeleton

BOX = np.array([10.0, 20.0, 50.5, 100.25])


def pose(name, track_id=None):
    count = len(SKELETONS[name].keypoints)
    return Pose(np.arange(2.0 * count).reshape(count, 2), np.linspace(0.5, 1, count), BOX, track_id)


@pytest.mark.parametrize("name", SKELETONS)
def test_native_has_every_keypoint_by_name(name):
    native = pose(name).to_native(SKELETONS[name])
    assert native["box"] == BOX.tolist()
    assert native["score"] == pytest.approx(np.linspace(0.5, 1, len(SKELETONS[name].keypoints))[-12:].mean(), abs=1e-3)
    assert [k["name"] for k in native["keypoints"]] == list(SKELETONS[name].keypoints)
    assert [(k["x"], k["y"]) for k in native["keypoints"][:2]] == [(0, 1), (2, 3)]
    assert "track_id" not in native
    assert pose(name, 7).to_native(SKELETONS[name])["track_id"] == 7


def test_numbers_of_numpy_become_json():
    numbers = replace(pose("coco17", np.int64(7)), probability=np.float32(0.5))
    entries = [
        numbers.to_coco(np.int64(3), np.int32(2)),
        numbers.to_native(SKELETONS["coco17"]),
        numbers.to_openpose(SKELETONS["coco17"]),
    ]
    coco, native, openpose = json.loads(json.dumps(entries))
    assert (coco["image_id"], coco["category_id"], coco["track_id"], coco["score"]) == (3, 2, 7, 0.5)
    assert (native["track_id"], native["score"], openpose["person_id"]) == (7, 0.5, [7])


def test_coco_result():
    result = pose("coco17").to_coco(image_id=42)
    assert (result["image_id"], result["category_id"]) == (42, 1)
    assert result["bbox"] == [10, 20, 40.5, 80.25]
    assert result["keypoints"][:6] == [0, 1, 0.5, 2, 3, 0.5312]
    assert len(result["keypoints"]) == 51


@pytest.mark.parametrize("name", SKELETONS)
def test_openpose_order(name):
    p = pose(name)
    people = p.to_openpose(SKELETONS[name])
    triples = np.array(people["pose_keypoints_2d"]).reshape(18, 3)
    index = SKELETONS[name].keypoints.index("right_knee")
    assert triples[OPENPOSE_18.index("right_knee")] == pytest.approx([*p.xy_image[index], p.score[index]], abs=1e-4)
    assert people["person_id"] == [-1]
    keypoints = SKELETONS[name].keypoints
    assert triples[OPENPOSE_18.index("neck"), 2] > 0  # labelled, or between the shoulders
    if "neck" in keypoints:
        assert triples[OPENPOSE_18.index("neck"), :2].tolist() == p.xy_image[keypoints.index("neck")].tolist()
    ear = p.score[keypoints.index("left_ear")] if "left_ear" in keypoints else 0
    assert triples[OPENPOSE_18.index("left_ear"), 2] == pytest.approx(ear, abs=1e-4)


def test_openpose_needs_a_neck_or_both_shoulders():
    hand = Skeleton("hand", ("wrist", "tip"), (0, 1), ((0, 1),), (0.1, 0.1), (0, 1))
    with pytest.raises(ValueError, match="neither a neck nor two shoulders"):
        Pose(np.zeros((2, 2)), np.zeros(2), BOX).to_openpose(hand)


@pytest.mark.parametrize(
    ("score", "confident", "box", "size"),
    [
        ([0.9, 0.5, 0.1], [True, True, False], [3, 5, 8, 10], 5),
        ([0.2, 0.19, 0.2], [True, False, True], [3, 9, 60, 45], 57),
        ([0.9, 0.1, 0.1], [True, False, False], None, 80.25),  # one keypoint shows no extent: the pose's own box
        ([0.1, 0.1, 0.1], [False, False, False], None, 80.25),
    ],
)
def test_the_box_around_the_confident_keypoints(score, confident, box, size):
    p = Pose(np.array([[3.0, 9], [7, 5], [59, 44]], np.float32), np.array(score), BOX)
    assert p.confident.tolist() == confident
    assert (p.keypoint_box if box is None else p.keypoint_box.tolist()) == box
    assert p.body_box.tolist() == (box or BOX.tolist()) and p.body_box.dtype == np.float64
    assert p.body_size == size


def test_the_keypoint_box_is_computed_once(monkeypatch):
    calls = []
    monkeypatch.setattr("unipose.core.pose.enclosing_box", lambda xy: calls.append(xy) or np.array([3.0, 5, 8, 12]))
    p = pose("lsp14")
    assert p.body_size == 7 and p.body_size == 7 and p.keypoint_box is p.keypoint_box and p.body_box is p.body_box
    assert len(calls) == 1


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3))
def test_a_moved_pose_keeps_its_shape(dx, dy):
    p = pose("lsp14", track_id=7)
    before = p.keypoint_box  # cached, and must not be carried over
    q = p.moved(np.array([dx, dy]))
    assert np.array_equal(q.xy_image, p.xy_image + [dx, dy]) and np.array_equal(q.score, p.score)
    assert np.array_equal(q.box_xyxy, BOX + [dx, dy, dx, dy]) and q.track_id == 7
    assert q.keypoint_box == pytest.approx(before + [dx, dy, dx, dy])
    assert p.xy_image[1].tolist() == [2, 3]


@pytest.mark.parametrize(("xy", "score", "box"), [((3, 3), 3, 4), ((3, 2), 2, 4), ((3, 2), 3, 5)])
def test_shapes_that_do_not_match_are_refused(xy, score, box):
    with pytest.raises(ValueError, match="needs xy_image"):
        Pose(np.zeros(xy), np.zeros(score), np.zeros(box))
