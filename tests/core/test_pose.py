import numpy as np
import pytest

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
    assert native["score"] == 0.75
    assert [k["name"] for k in native["keypoints"]] == list(SKELETONS[name].keypoints)
    assert [(k["x"], k["y"]) for k in native["keypoints"][:2]] == [(0, 1), (2, 3)]
    assert "track_id" not in native
    assert pose(name, 7).to_native(SKELETONS[name])["track_id"] == 7


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
    assert triples[OPENPOSE_18.index("neck"), 2] > 0  # labelled, or between the shoulders
    assert triples[OPENPOSE_18.index("left_ear"), 2] == pytest.approx(0 if name != "coco17" else p.score[3], abs=1e-4)


def test_openpose_needs_a_neck():
    hand = Skeleton("hand", ("wrist", "tip"), (0, 1), ((0, 1),), (0.1, 0.1), (0, 1))
    with pytest.raises(ValueError, match="neither a neck nor two shoulders"):
        Pose(np.zeros((2, 2)), np.zeros(2), BOX).to_openpose(hand)


def test_extent_counts_whole_pixels_of_sure_keypoints():
    p = Pose(np.array([[3.0, 9], [7, 5], [99, 99]]), np.array([0.9, 0.5, 0.1]), BOX)
    assert p.extent(0.3).tolist() == [3, 5, 8, 10]
    assert p.extent(0.6) is None


@pytest.mark.parametrize(("xy", "score", "box"), [((3, 3), 3, 4), ((3, 2), 2, 4), ((3, 2), 3, 5)])
def test_shapes_that_do_not_fit_are_refused(xy, score, box):
    with pytest.raises(ValueError, match="needs xy_image"):
        Pose(np.zeros(xy), np.zeros(score), np.zeros(box))
