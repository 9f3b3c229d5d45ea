import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import prepare_mpii
import pytest
from conftest import ramp_image, ramp_joints
from PIL import Image
from scipy.io import savemat
from test_prepare_mpii import person, zipped
from test_stream import Reminder

from unipose.evaluation import (
    Look,
    default_metric,
    errors,
    predict_detections,
    predict_looks,
    predict_records,
    summarise,
    summarise_ap,
    widened,
)
from unipose.pose import Pose
from unipose.predictor import Predictor
from unipose.records import read_records
from unipose.skeleton import SKELETONS

LSP = SKELETONS["lsp14"]
SIZES = [(310, 230), (250, 333), (300, 300)]


@pytest.fixture
def ramps(tmp_path: Path):
    """Three ramp images of one person each; `offset(i, k)` moves a label away from where the reader will find it."""

    def write(offset=lambda i, k: (0, 0), people=1, first_id=1, occluded=(), **more):
        images, annotations = [], []
        for i, (width, height) in enumerate(SIZES):
            Image.fromarray(ramp_image((width, height))).save(tmp_path / f"{i}.png")
            images.append({"id": i, "file_name": f"{i}.png", "width": width, "height": height})
            xy = ramp_joints((width, height)) + [offset(i, k) for k in range(14)]
            visibility = [1 if k in occluded else 2 for k in range(14)]
            keypoints = np.column_stack([xy, visibility]).ravel().tolist()
            annotations += [
                {"id": first_id + 10 * i + j, "image_id": i, "category_id": 1, "keypoints": keypoints, "iscrowd": 0,
                 "num_keypoints": 14, "bbox": [0.3 * width, 0.1 * height, 0.6 * width, 0.8 * height],
                 "area": 0.48 * width * height, **more}
                for j in range(people)
            ]  # fmt: skip
        categories = [{"id": 1, "name": "person", "keypoints": list(LSP.keypoints), "skeleton": []}]
        path = tmp_path / "data.json"
        path.write_text(
            json.dumps({"images": images, "annotations": annotations, "categories": categories, "info": {}})
        )
        return read_records(path)

    return write


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
    torsos = [np.linalg.norm(np.subtract(*ramp_joints(size)[list(LSP.torso)])) for size in SIZES]

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
    smallest = min(range(3), key=lambda i: SIZES[i][0] * SIZES[i][1])
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
    source = zipped(tmp_path / "mpii.zip", [person()])
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


@pytest.mark.parametrize(
    ("boxes", "people", "message"),
    [("detector", 2, "several people"), ("guess", 1, "boxes must be one of")],
)
def test_what_cannot_be_judged_is_refused(ramps, ramp_reader, boxes, people, message):
    records = ramps(people=people)
    with pytest.raises(ValueError, match=message):
        predict_records(Predictor(ramp_reader), records, boxes)


def test_another_skeleton_is_refused(ramps, ramp_reader):
    records = replace(ramps(), skeleton=SKELETONS["coco17"])
    with pytest.raises(ValueError, match="the model's skeleton is lsp14, the data's coco17"):
        predict_records(Predictor(ramp_reader), records)


def test_an_unknown_metric_names_the_known(ramps):
    with pytest.raises(ValueError, match="pck, pckh, ap"):
        summarise("mAP", ramps(), [])


def test_an_annotation_0_is_refused_because_pycocotools_never_matches_it(ramps, ramp_reader):
    records = ramps(first_id=0)
    with pytest.raises(ValueError, match="annotation id 0"):
        summarise("ap", records, predict_records(Predictor(ramp_reader), records))


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


def test_nobody_who_can_be_judged_is_told(ramps, ramp_reader):
    records = ramps()
    poses = predict_records(Predictor(ramp_reader), records)
    legs = tuple(replace(r, labelled=np.arange(14) < 2) for r in records.records)  # no torso to measure in
    for metric, people in (("pck", legs), ("pck", ()), ("ap", ())):
        with pytest.raises(ValueError, match=r"data.json has nobody whom (PCK@0.2|OKS AP) can judge"):
            summarise(metric, replace(records, records=people), poses)


def test_boxes_of_a_detection_file(ramps, ramp_reader, tmp_path):
    """Each box gives a pose whose score is the box's times the keypoints'; the better of two finds the person."""
    records = ramps()
    good = {"category_id": 1, "score": 0.9}
    rows = [{**good, "image_id": i, "bbox": [0.3 * w, 0.1 * h, 0.6 * w, 0.8 * h]} for i, (w, h) in enumerate(SIZES)] + [
        {"category_id": 1, "score": 0.2, "image_id": 1, "bbox": [0, 0, 9, 9]},
        {**good, "category_id": 3, "image_id": 99},
    ]
    path = tmp_path / "found.json"
    path.write_text(json.dumps(rows))
    results = predict_detections(Predictor(ramp_reader), records, path)
    assert [row["image_id"] for row in results] == [0, 1, 1, 2]
    assert results[1]["score"] > 3 * results[2]["score"] >= 0
    assert summarise_ap(results, records)["mean"] == pytest.approx(100)
    assert summarise_ap(results[:1], records)["mean"] < 50


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": 99}, "not a detection file for .*data.json: KeyError"),
        ({"bbox": [0, 0, 9]}, "not a detection file"),
        ({"bbox": None}, "not a detection file"),
        ({"score": None}, "not a detection file"),
        ({"category_id": 3}, "no detection of category 1"),
    ],
)
def test_another_detection_file_is_refused(ramps, ramp_reader, tmp_path, change, message):
    row = {"category_id": 1, "image_id": 0, "bbox": [0, 0, 9, 9], "score": 0.9}
    path = tmp_path / "found.json"
    path.write_text(json.dumps([row, row | change] if "category_id" not in change else [row | change]))
    with pytest.raises(ValueError, match=message):
        predict_detections(Predictor(ramp_reader), ramps(), path)
    assert ramp_reader.batches == []


def test_errors_are_in_box_diagonals(ramps, ramp_reader):
    records = ramps(lambda i, k: (30.0 * i, 40.0 * i))
    found = errors(records, predict_records(Predictor(ramp_reader), records))
    diagonals = [np.hypot(0.6 * w, 0.8 * h) for w, h in SIZES]
    assert found == pytest.approx([50 * i / d for i, d in enumerate(diagonals)], abs=0.01)


def test_people_of_an_image_are_found_together(ramps, ramp_reader):
    records = ramps(people=3)
    assert summarise("pck", records, predict_records(Predictor(ramp_reader), records))["mean"] == 100
    assert ramp_reader.batches == [9]


def test_by_size(ramps, ramp_reader):
    """Wrong everywhere in the largest image alone."""
    largest = max(range(3), key=lambda i: SIZES[i][0] * SIZES[i][1])
    records = ramps(lambda i, k: (500, 0) if i == largest else (0, 0))
    summary = summarise("pck", records, predict_records(Predictor(ramp_reader), records))
    assert list(summary["by_size"].values()) == [100, 100, 0]


@pytest.fixture
def film(tmp_path):
    """Two clips of ramps, of 5 and 3 frames, in which only the first frame of each and the fourth are not black."""
    images, annotations = [], []
    for i, (video, frame) in enumerate([(1, 0), (2, 7), (1, 1), (1, 2), (2, 8), (1, 3), (1, 4), (2, 9)]):
        width, height = size = SIZES[video]
        dark = np.zeros((height, width, 3), np.uint8)
        Image.fromarray(ramp_image(size) if frame in (0, 3, 7) else dark).save(tmp_path / f"{i}.png")
        images.append({"id": i, "file_name": f"{i}.png", "width": width, "height": height,
                       "video_id": video, "frame_id": frame})  # fmt: skip
        keypoints = np.column_stack([ramp_joints(size), np.full(14, 2)]).ravel().tolist()
        annotations.append({"id": i + 1, "image_id": i, "category_id": 1, "keypoints": keypoints, "iscrowd": 0,
                            "bbox": [0.3 * width, 0.1 * height, 0.6 * width, 0.8 * height]})  # fmt: skip
    categories = [{"id": 1, "name": "person", "keypoints": list(LSP.keypoints), "skeleton": []}]
    path = tmp_path / "film.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return read_records(path)


@pytest.mark.parametrize(("window", "known"), [(0, 8), (2, 5), (1, 3)])
def test_a_model_with_memory_is_led_through_each_clip(film, spec, window, known):
    """It knows where the joints of black frames are from those before; with a window it forgets, and guesses."""
    poses = predict_records(Predictor(Reminder(spec)), film, window=window)
    right = [np.abs(pose.xy_image - r.xy_image).max() < 20 for pose, r in zip(poses, film.records, strict=True)]
    assert sum(right) == known


def test_a_model_with_memory_follows_no_detector(film, ramps, spec):
    predictor = Predictor(Reminder(spec))
    with pytest.raises(ValueError, match="boxes=truth, or window=1"):
        predict_records(predictor, film, "detector")
    assert len(predict_records(predictor, film, "detector", window=1)) == 8
    assert len(predict_records(predictor, ramps())) == 3  # photographs, each on its own


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8, 1.0])
def test_a_photo_is_widened_until_the_person_takes_that_share_of_its_height(ramps, share):
    for record, (width, height) in zip(ramps().records, SIZES, strict=True):
        left, top, right, bottom = border = widened(record, share)
        assert min(border) >= 0 and border == widened(record, share)
        if share < 0.8:  # the person's share as it is
            assert 0.8 * height / (height + top + bottom) == pytest.approx(share, abs=0.01)
            assert (width + left + right) / (height + top + bottom) == pytest.approx(width / height, abs=0.02)
        else:
            assert border == (0, 0, 0, 0)


class Brightest:
    """A predictor that finds the brightest pixel, in a box of the whole image."""

    def predict(self, images, boxes):
        found = [np.unravel_index(image[..., 0].argmax(), image.shape[:2])[::-1] for image in images]
        sizes = [(*image.shape[1::-1],) for image in images]
        return [
            [Pose(np.array([xy], float), np.ones(1), np.array([0.0, 0, *size]))]
            for xy, size in zip(found, sizes, strict=True)
        ]


def test_poses_of_a_widened_image_are_in_its_own_frame(tmp_path):
    image = np.zeros((20, 30, 3), np.uint8)
    image[7, 11] = 255
    Image.fromarray(image).save(tmp_path / "dot.png")
    [[pose]] = predict_looks(Brightest(), [Look(tmp_path / "dot.png", None, (4, 3, 2, 1))])
    assert pose.xy_image.tolist() == [[11, 7]]
    assert pose.box_xyxy.tolist() == [-4, -3, 32, 21]


def test_scores_are_set_against_the_share_that_is_right(ramps, ramp_reader):
    record_set = ramps(lambda i, k: (99, 0) if k == 12 else (0, 0))
    poses = predict_records(Predictor(ramp_reader), record_set)
    [(row, share)] = summarise("pck", record_set, poses)["scores"].items()
    assert row.endswith("(42)") and share == pytest.approx(100 * 13 / 14)
