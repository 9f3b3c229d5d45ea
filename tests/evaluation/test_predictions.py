import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.support.ramps import RAMP_SIZES, RecurrentRampReader, ramp_image, ramp_joints
from unipose.core.pose import Pose
from unipose.core.skeleton import SKELETONS
from unipose.datasets.records import read_records
from unipose.evaluation.predictions import ImageQuery, border_for, predict_detections, predict_queries, predict_records
from unipose.evaluation.summary import summarise, summarise_ap
from unipose.inference.predictor import Predictor

LSP = SKELETONS["lsp14"]


@pytest.mark.parametrize(
    ("boxes", "people", "message"),
    [("detector", 2, "several people"), ("guess", 1, "boxes must be one of")],
)
def test_what_cannot_be_judged_is_refused(ramps, ramp_reader, boxes, people, message):
    records = ramps(people=people)
    with pytest.raises(ValueError, match=message):
        predict_records(Predictor(ramp_reader, decoder="quadratic"), records, boxes)


def test_another_skeleton_is_refused(ramps, ramp_reader):
    records = replace(ramps(), skeleton=SKELETONS["coco17"])
    with pytest.raises(ValueError, match=r"coco17\) has keypoints that the model ramp \(lsp14\) does not have: nose"):
        predict_records(Predictor(ramp_reader, decoder="quadratic"), records)


def test_boxes_of_a_detection_file(ramps, ramp_reader, tmp_path):
    """Each box gives a pose whose score is the box's times the keypoints'; the better of two finds the person."""
    records = ramps()
    good = {"category_id": 1, "score": 0.9}
    rows = [
        {**good, "image_id": i, "bbox": [0.3 * w, 0.1 * h, 0.6 * w, 0.8 * h]} for i, (w, h) in enumerate(RAMP_SIZES)
    ] + [
        {"category_id": 1, "score": 0.2, "image_id": 1, "bbox": [0, 0, 9, 9]},
        {**good, "category_id": 3, "image_id": 99},
    ]
    path = tmp_path / "found.json"
    path.write_text(json.dumps(rows))
    results = predict_detections(Predictor(ramp_reader, decoder="quadratic"), records, path)
    assert [row["image_id"] for row in results] == [0, 1, 1, 2]
    assert results[1]["score"] > 3 * results[2]["score"] >= 0
    assert summarise_ap(results, records)["mean"] == pytest.approx(100)
    assert summarise_ap(results[:1], records)["mean"] < 50


def published(image_id, people, sigmas):
    """Simple baselines' protocol by hand: [(box_xywh, box score, keypoints (K, 3))] of an image -> result entries."""
    rescored = []
    for (_, _, w, h), score, keypoints in people:
        clear = keypoints[keypoints[:, 2] > 0.2, 2]
        side = 1.25 * max(w, h)  # of the crop, for a square input
        rescored.append((score * (clear.mean() if len(clear) else 0), side * side, keypoints))
    left, results = sorted(rescored, key=lambda row: -row[0]), []
    while left:
        (score, area, keypoints), *others = left
        results.append(
            {"image_id": image_id, "category_id": 1, "keypoints": keypoints.ravel().tolist(), "score": score}
        )
        left = []
        for other in others:
            squared = ((keypoints[:, :2] - other[2][:, :2]) ** 2).sum(1)
            if np.exp(-squared / (2 * sigmas) ** 2 / ((area + other[1]) / 2) / 2).mean() <= 0.9:
                left.append(other)
    return results


def test_ap_is_that_of_the_published_protocol(ramps, ramp_reader, tmp_path):
    """The best box shows a corner alone; the others give one person several times."""
    records, rng = ramps(), np.random.default_rng(0)
    rows = []
    for i, (w, h) in enumerate(RAMP_SIZES):
        for score, edges in (
            (0.9, [0.0, 0.0, 0.3, 0.3]),
            *((score, [0.3, 0.1, 0.9, 0.9]) for score in (0.7, 0.4, 0.3)),
        ):
            x, y, right, bottom = np.array(edges) + rng.normal(0, 0.1, 4)
            box = [x * w, y * h, (right - x) * w, (bottom - y) * h]
            rows.append({"image_id": i, "category_id": 1, "bbox": box, "score": score})
    (path := tmp_path / "found.json").write_text(json.dumps(rows))
    predictor = Predictor(ramp_reader, decoder="quadratic")
    found = predict_detections(predictor, records, path)
    expected = []
    for i, image_path in records.images.items():
        own = [row for row in rows if row["image_id"] == i]
        boxes = np.array([row["bbox"] for row in own]) @ [[1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 1]]
        [poses] = predict_queries(predictor, [ImageQuery(image_path, boxes)])
        keypoints = [np.column_stack([pose.xy_image, pose.score]) for pose in poses]
        people = [(row["bbox"], row["score"], points) for row, points in zip(own, keypoints, strict=True)]
        expected += published(i, people, np.array(LSP.oks_sigmas))
    assert 3 <= len(found) == len(expected) < len(rows)
    assert [row["score"] for row in found] == pytest.approx([row["score"] for row in expected])
    ap = summarise_ap(found, records)["mean"]
    assert 0 < ap < 100 and ap == summarise_ap(expected, records)["mean"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": 99}, r"found.json: a detection in image 99: no image of .*data.json has this id"),
        ({"category_id": 3}, r"found.json has no detection of category 1, the people of .*data.json; of categories: 3"),
    ],
)
def test_another_detection_file_is_refused(ramps, ramp_reader, tmp_path, change, message):
    row = {"category_id": 1, "image_id": 0, "bbox": [0, 0, 9, 9], "score": 0.9}
    path = tmp_path / "found.json"
    path.write_text(json.dumps([row, row | change] if "category_id" not in change else [row | change]))
    with pytest.raises(ValueError, match=message):
        predict_detections(Predictor(ramp_reader, decoder="quadratic"), ramps(), path)
    assert ramp_reader.batches == []


def test_people_of_an_image_are_found_together(ramps, ramp_reader):
    records = ramps(people=3)
    assert (
        summarise("pck", records, predict_records(Predictor(ramp_reader, decoder="quadratic"), records))["mean"] == 100
    )
    assert ramp_reader.batches == [9]


@pytest.fixture
def film(tmp_path):
    """Two clips of ramps, of 5 and 3 frames, in which only the first frame of each and the fourth are not black."""
    images, annotations = [], []
    for i, (video, frame) in enumerate([(1, 0), (2, 7), (1, 1), (1, 2), (2, 8), (1, 3), (1, 4), (2, 9)]):
        width, height = size = RAMP_SIZES[video]
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
def test_a_recurrent_model_goes_through_each_clip(film, spec, window, known):
    """It knows where the joints of black frames are from those before; with a window it forgets, and guesses."""
    poses = predict_records(Predictor(RecurrentRampReader(spec)), film, window=window)
    right = [np.abs(pose.xy_image - r.xy_image).max() < 20 for pose, r in zip(poses, film.records, strict=True)]
    assert sum(right) == known


def test_a_recurrent_model_takes_no_detector(film, ramps, spec):
    predictor = Predictor(RecurrentRampReader(spec))
    with pytest.raises(ValueError, match="boxes=truth, or window=1"):
        predict_records(predictor, film, "detector")
    assert len(predict_records(predictor, film, "detector", window=1)) == 8
    assert len(predict_records(predictor, ramps())) == 3  # photographs, each on its own


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8, 1.0])
def test_a_photo_is_widened_until_the_person_takes_that_share_of_its_height(ramps, share):
    for record, (width, height) in zip(ramps().records, RAMP_SIZES, strict=True):
        left, top, right, bottom = border = border_for(record, share)
        assert min(border) >= 0 and border == border_for(record, share)
        if share < 0.8:  # the person's share as it is
            assert 0.8 * height / (height + top + bottom) == pytest.approx(share, abs=0.01)
            assert (width + left + right) / (height + top + bottom) == pytest.approx(width / height, abs=0.02)
        else:
            assert border == (0, 0, 0, 0)


class Brightest(Predictor):
    """A predictor that finds the brightest pixel, in a box of the whole image."""

    def __init__(self):
        pass

    def flow(self, picture, boxes, max_people, min_score):
        yield from ()
        image = picture.rgb()
        xy = np.unravel_index(image[..., 0].argmax(), image.shape[:2])[::-1]
        return [Pose(np.array([xy], float), np.ones(1), np.array([0.0, 0, *image.shape[1::-1]]))]


def test_poses_of_a_widened_image_are_in_its_own_frame(tmp_path):
    image = np.zeros((20, 30, 3), np.uint8)
    image[7, 11] = 255
    Image.fromarray(image).save(tmp_path / "dot.png")
    [[pose]] = predict_queries(Brightest(), [ImageQuery(tmp_path / "dot.png", None, (4, 3, 2, 1))])
    assert pose.xy_image.tolist() == [[11, 7]]
    assert pose.box_xyxy.tolist() == [-4, -3, 32, 21]
