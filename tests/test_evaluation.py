import json
from pathlib import Path

import numpy as np
import pytest
from conftest import ramp_image, ramp_joints
from PIL import Image

from unipose.evaluation import errors, predict_detections, predict_records, summarise, summarise_ap
from unipose.predictor import Predictor
from unipose.records import read_records
from unipose.skeleton import SKELETONS

LSP = SKELETONS["lsp14"]
SIZES = [(310, 230), (250, 333), (300, 300)]


@pytest.fixture
def ramps(tmp_path: Path):
    """Three ramp images of one person each; `offset(i, k)` moves a label away from where the reader will find it."""

    def write(offset=lambda i, k: (0, 0), people=1, first_id=1, **more):
        images, annotations = [], []
        for i, (width, height) in enumerate(SIZES):
            Image.fromarray(ramp_image((width, height))).save(tmp_path / f"{i}.png")
            images.append({"id": i, "file_name": f"{i}.png", "width": width, "height": height})
            xy = ramp_joints((width, height)) + [offset(i, k) for k in range(14)]
            keypoints = np.column_stack([xy, np.full(14, 2)]).ravel().tolist()
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


def test_ap_is_pycocotools_own(ramps, ramp_reader):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    records = ramps(lambda i, k: (9 * i, -7))
    poses = predict_records(Predictor(ramp_reader), records)
    truth = COCO(str(records.path))
    rows = [pose.to_coco(record.image_id) for record, pose in zip(records.records, poses, strict=True)]
    judge = COCOeval(truth, truth.loadRes(rows), "keypoints")
    judge.params.kpt_oks_sigmas = np.array(LSP.oks_sigmas)
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    summary = summarise("ap", records, poses)
    assert summary["coco"]["AP"] == pytest.approx(100 * judge.stats[0])
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
    from dataclasses import replace

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
    path.write_text(json.dumps([{**good, "image_id": 99, "bbox": [0, 0, 9, 9]}]))
    with pytest.raises(ValueError, match="not a detection file"):
        predict_detections(Predictor(ramp_reader), records, path)


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
