from dataclasses import replace

import numpy as np
import prepare_mpii
import pytest
from scipy.io import savemat

from tests.data.test_prepare_mpii import mpii, person
from tests.support.ramps import RAMP_SIZES, ramp_joints
from unipose.core.pose import Pose
from unipose.core.skeleton import SKELETONS
from unipose.datasets.records import read_records
from unipose.evaluation.predictions import predict_records
from unipose.evaluation.summary import default_metric, errors, summarise, summarise_ap
from unipose.inference.predictor import Predictor

LSP = SKELETONS["lsp14"]


@pytest.mark.parametrize("boxes", ["truth", "detector"])
def test_a_perfect_model_scores_100(ramps, ramp_reader, boxes):
    records = ramps()
    poses = predict_records(Predictor(ramp_reader), records, boxes)
    summary = summarise("pck", records, poses)
    assert summary["metric"] == "PCK@0.2" and summary["people"] == 3 and summary["instances"] == 42
    assert summary["mean"] == 100 and set(summary["per_keypoint"].values()) == {100}
    assert summarise("ap", records, poses)["coco"]["AP"] == pytest.approx(100)


def test_pck_counts_what_is_wrong(ramps, ramp_reader):
    """Labels of the left wrist moved far away in one image of three; of the neck just within 0.2 torsos in all."""
    wrist, neck = LSP.keypoints.index("left_wrist"), LSP.keypoints.index("neck")
    torsos = [np.linalg.norm(np.subtract(*ramp_joints(size)[list(LSP.torso)])) for size in RAMP_SIZES]

    def offset(i, k):
        return (300, 0) if (i, k) == (1, wrist) else (0, 0.19 * torsos[i]) if k == neck else (0, 0)

    records = ramps(offset)
    summary = summarise("pck", records, predict_records(Predictor(ramp_reader), records))
    assert summary["per_keypoint"]["left_wrist"] == pytest.approx(200 / 3)
    assert summary["per_keypoint"]["neck"] == 100
    assert summary["mean"] == pytest.approx(100 * 41 / 42)


def test_pckh_needs_head_sizes(ramps, ramp_reader):
    records = ramps(lambda i, k: (0, 12.0) if k == 0 else (0, 0), head_size=20)
    poses = predict_records(Predictor(ramp_reader), records)
    assert summarise("pckh", records, poses)["mean"] == pytest.approx(100 * 13 / 14)
    bare = ramps()
    with pytest.raises(ValueError, match="no head_size"):
        summarise("pckh", bare, poses)


def test_pckh_of_people_of_whom_one_has_no_head_size(ramps, ramp_reader):
    """The smallest, who are a third by themselves."""
    records = ramps(head_size=20)
    smallest = min(range(3), key=lambda i: RAMP_SIZES[i][0] * RAMP_SIZES[i][1])
    people = [replace(r, head_size=None) if i == smallest else r for i, r in enumerate(records.records)]
    poses = predict_records(Predictor(ramp_reader), records)
    summary = summarise("pckh", replace(records, records=tuple(people)), poses)
    assert summary["instances"] == 28 and list(summary["by_size"].values()) == [None, 100, 100]


def test_an_occluded_keypoint_counts_for_pck_and_not_for_pckh(ramps, ramp_reader):
    wrist = LSP.keypoints.index("left_wrist")
    records = ramps(lambda i, k: (300, 0) if k == wrist else (0, 0), occluded=(wrist,), head_size=20)
    poses = predict_records(Predictor(ramp_reader), records)
    for metric, mean, instances in (("pck", 100 * 13 / 14, 42), ("pckh", 100, 39)):
        summary = summarise(metric, records, poses)
        assert summary["mean"] == pytest.approx(mean) and summary["instances"] == instances


def test_pckh_of_mpii(tmp_path):
    """Head box 40 x 30: found 0.49 or 0.51 x 0.6 x 50 px away; pelvis and thorax are anywhere, ankles not labelled."""
    savemat(tmp_path / "gt_valid.mat", {"headboxes_src": np.array([[[10], [20]], [[50], [50]]], float)})
    source = mpii(tmp_path / "mpii.zip", [person()])
    command = [str(source), "--out", str(tmp_path), "--head-boxes", str(tmp_path / "gt_valid.mat")]
    assert prepare_mpii.main(command) == 0
    records = read_records(tmp_path / "valid.json")
    [truth] = records.records
    away = np.full(16, 0.49 * 30)
    away[[records.skeleton.keypoints.index(name) for name in ("left_wrist", "right_wrist")]] = 0.51 * 30
    away[[records.skeleton.keypoints.index(name) for name in ("pelvis", "thorax")]] = 999
    pose = Pose(truth.xy_image + away[:, None] * (0.6, 0.8), np.ones(16), truth.box_xyxy)
    summary = summarise(default_metric(records), records, [pose])
    assert summary["instances"] == 12 and summary["mean"] == pytest.approx(100 * 10 / 12)
    assert summary["per_keypoint"]["pelvis"] == 0 and summary["per_keypoint"]["left_ankle"] is None


def test_ap_is_pycocotools_own(ramps, ramp_reader):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    records = ramps(lambda i, k: (9 * i, -7))
    poses = predict_records(Predictor(ramp_reader), records)
    truth = COCO(str(records.path))
    rows = [pose.to_coco(record.image_id) for record, pose in zip(records.records, poses, strict=True)]
    for row in rows:
        del row["bbox"]  # COCO's form of keypoint results; from a box pycocotools would take a pose's size
    judge = COCOeval(truth, truth.loadRes(rows), "keypoints")
    judge.params.kpt_oks_sigmas = np.array(LSP.oks_sigmas)
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    summary = summarise("ap", records, poses)
    numbers = [-1 if number is None else number / 100 for number in summary["coco"].values()]
    assert numbers == pytest.approx(judge.stats)
    assert 0 < summary["mean"] < 100


def test_an_unknown_metric_names_the_known(ramps):
    with pytest.raises(ValueError, match="pck, pckh, ap"):
        summarise("mAP", ramps(), [])


def test_an_annotation_0_counts_though_pycocotools_takes_it_for_not_matched(ramps, ramp_reader):
    records = ramps(first_id=0)
    assert summarise("ap", records, predict_records(Predictor(ramp_reader), records))["mean"] == pytest.approx(100)


def test_nobody_found_is_an_ap_of_0(ramps):
    assert summarise_ap([], ramps())["mean"] == 0


def test_a_size_that_nobody_has_is_not_judged(ramps, ramp_reader):
    records = ramps()  # all large
    summary = summarise("ap", records, predict_records(Predictor(ramp_reader), records))
    assert summary["coco"]["AP_medium"] is None and summary["coco"]["AP_large"] == pytest.approx(100)


def test_the_size_of_a_pose_is_not_its_boxs(ramps, ramp_reader):
    """A wrong pose in a box of medium size: its own is large, so that it counts against large people."""
    records = ramps()
    results = [pose.to_coco(i) for i, pose in enumerate(predict_records(Predictor(ramp_reader), records))]
    wrong = dict(results[0], keypoints=[500.0, 500, 1, 0, 0, 1] * 7, score=2.0, bbox=[0, 0, 50, 50])
    numbers = summarise_ap([*results, wrong], records)["coco"]
    assert numbers["AP_large"] == numbers["AP"] < 100


def test_a_set_without_anybody_to_judge_is_refused(ramps, ramp_reader):
    records = ramps()
    poses = predict_records(Predictor(ramp_reader), records)
    legs = tuple(replace(r, labelled=np.arange(14) < 2) for r in records.records)  # no torso to measure in
    for metric, people in (("pck", legs), ("pck", ()), ("ap", ())):
        with pytest.raises(ValueError, match=r"data.json has nobody whom (PCK@0.2|OKS AP) can judge"):
            summarise(metric, replace(records, records=people), poses)


def test_errors_are_in_box_diagonals(ramps, ramp_reader):
    records = ramps(lambda i, k: (30.0 * i, 40.0 * i))
    found = errors(records, predict_records(Predictor(ramp_reader), records))
    diagonals = [np.hypot(0.6 * w, 0.8 * h) for w, h in RAMP_SIZES]
    assert found == pytest.approx([50 * i / d for i, d in enumerate(diagonals)], abs=0.01)


def test_by_size(ramps, ramp_reader):
    """Wrong everywhere in the largest image alone."""
    largest = max(range(3), key=lambda i: RAMP_SIZES[i][0] * RAMP_SIZES[i][1])
    records = ramps(lambda i, k: (500, 0) if i == largest else (0, 0))
    summary = summarise("pck", records, predict_records(Predictor(ramp_reader), records))
    assert list(summary["by_size"].values()) == [100, 100, 0]


def test_scores_are_set_against_the_share_that_is_right(ramps, ramp_reader):
    record_set = ramps(lambda i, k: (99, 0) if k == 12 else (0, 0))
    poses = predict_records(Predictor(ramp_reader), record_set)
    [tenth] = summarise("pck", record_set, poses)["reliability"]
    assert tenth["keypoints"] == 42 and 0.9 < tenth["score"] <= 1 and tenth["right"] == pytest.approx(13 / 14)
