import numpy as np
import pytest

from unipose.core.metrics import auroc, oks, pck, pckh, reliability
from unipose.core.skeleton import SKELETONS, Skeleton

# Four keypoints; the torso runs from 0 to 1.
TOY = Skeleton(
    "toy", ("left_shoulder", "right_hip", "nose", "tail"), (0, 1, 2, 3), ((0, 1),), (0.1, 0.1, 0.05, 0.2), (0, 1), (3,)
)
TRUTH = np.array([[[0, 0], [30, 40], [10, 90], [200, 7]]], np.float64)  # torso 50 long: PCK@0.2 allows 10
ALL = np.ones((1, 4), bool)


@pytest.mark.parametrize(
    ("moved", "right"),
    [((9.9, 0), True), ((0, 10), True), ((10.1, 0), False), ((0, -10.1), False), ((7.2, 7.2), False), ((7, 7), True)],
)
def test_pck_allows_a_euclidean_distance_of_a_fifth_of_the_torso(moved, right):
    xy = TRUTH.copy()
    xy[0, 2] += moved
    result = pck(xy, TRUTH, ALL, TOY)
    assert result.per_keypoint.tolist() == [1, 1, float(right), 1]
    assert result.mean == (4 if right else 3) / 4


def test_pck_uses_each_persons_own_torso():
    truth = np.concatenate([TRUTH, 2 * TRUTH])
    xy = truth + [15, 0]  # over 10, under 20
    result = pck(xy, truth, np.ones((2, 4), bool), TOY)
    assert result.per_keypoint.tolist() == [0.5] * 4


def test_keypoints_that_are_not_counted_are_not_evaluated():
    counted = np.array([[True, True, False, False]])
    result = pck(TRUTH + [[[0, 0], [11, 0], [99, 99], [99, 99]]], TRUTH, counted, TOY)
    assert result.mean == 0.5 and result.instances == 2
    assert np.isnan(result.per_keypoint[2:]).all()


@pytest.mark.parametrize("hidden", [0, 1])
def test_pck_needs_both_ends_of_the_torso(hidden):
    counted = ALL.copy()
    counted[0, hidden] = False
    assert np.isnan(pck(TRUTH, TRUTH, counted, TOY).mean)


@pytest.mark.parametrize(("distance", "right"), [(10, True), (10.1, False)])
def test_pckh_allows_half_the_head_size_and_leaves_the_excluded_out_of_the_mean(distance, right):
    xy = TRUTH.copy()
    xy[0, 0, 1] += distance
    xy[0, 3] += 500
    result = pckh(xy, TRUTH, ALL, np.array([20.0]), TOY)
    assert result.per_keypoint.tolist() == [float(right), 1, 1, 0]
    assert result.mean == pytest.approx(1 if right else 2 / 3)


def test_pckh_leaves_out_people_without_a_head_size():
    both = np.concatenate([TRUTH, TRUTH])
    result = pckh(both + [[[0]], [[99]]], both, np.ones((2, 4), bool), np.array([20, np.nan]), TOY)
    assert result.mean == 1 and result.instances == 3


def test_oks_computed_by_hand():
    xy = TRUTH + [[[0, 0], [3, 4], [0, 0], [0, 0]]]
    expected = (3 + np.exp(-25 / (2 * 400 * 0.2**2))) / 4
    assert oks(xy, TRUTH, ALL, np.array([400.0]), TOY) == pytest.approx([expected])
    assert np.isnan(oks(xy, TRUTH, ~ALL, np.array([400.0]), TOY))


def test_oks_agrees_with_pycocotools():
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools comes with the [train] extra")
    from pycocotools.cocoeval import COCOeval

    rng = np.random.default_rng(3)
    skeleton = SKELETONS["coco17"]
    truth = rng.uniform(5, 200, (1, 17, 2))
    xy = truth + rng.normal(0, 8, truth.shape)
    counted = rng.random((1, 17)) < 0.7
    area = 5432.1
    flat = np.concatenate([truth, 2.0 * counted[..., None]], -1).ravel().tolist()
    gt = coco.COCO()
    gt.dataset = {
        "images": [{"id": 1}],
        "categories": [{"id": 1}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "keypoints": flat, "num_keypoints": int(counted.sum()),
             "area": area, "bbox": [5, 5, 195, 195], "iscrowd": 0}
        ],
    }  # fmt: skip
    gt.createIndex()
    found = np.concatenate([xy, np.ones((1, 17, 1))], -1).ravel().tolist()
    dt = gt.loadRes([{"image_id": 1, "category_id": 1, "keypoints": found, "score": 1.0}])
    judge = COCOeval(gt, dt, "keypoints")
    judge.params.imgIds, judge.params.catIds = [1], [1]
    judge._prepare()
    assert oks(xy, truth, counted, np.array([area]), skeleton)[0] == pytest.approx(judge.computeOks(1, 1)[0, 0])


def test_reliability_has_a_row_for_each_tenth_of_the_scores():
    score, right = np.array([0.05, 0.72, 0.78, 0.71, 1.0]), np.array([False, True, True, False, True])
    rows = reliability(score, right)
    assert rows == [(1, 0.05, 0.0), (3, pytest.approx(2.21 / 3), pytest.approx(2 / 3)), (1, 1.0, 1.0)]


@pytest.mark.parametrize(
    ("positive", "negative", "expected"),
    [([3, 4], [1, 2], 1.0), ([1], [2], 0.0), ([2, 2], [2], 0.5), ([1, 3], [2, 0], 0.75)],
)
def test_auroc_is_how_often_a_positive_exceeds_a_negative(positive, negative, expected):
    assert auroc(np.array(positive, float), np.array(negative, float)) == expected
