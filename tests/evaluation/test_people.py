import json

import numpy as np
import pytest
from PIL import Image

from unipose.core.pose import Pose
from unipose.core.skeleton import SKELETONS
from unipose.datasets.records import read_records
from unipose.evaluation.people import BODY, match

COCO = SKELETONS["coco17"]
FIGURE = np.stack([np.linspace(-20, 25, 17), np.linspace(-60, 55, 17) * (np.arange(17) * 5 % 7 / 7 + 0.3)], 1)
# Three people in image 7, none in image 8: the second is too small to be counted, the third hardly labelled.
PEOPLE = [((120.0, 90.0), 1.0, 17), ((300.0, 100.0), 0.2, 17), ((420.0, 130.0), 1.0, 3)]


@pytest.fixture
def people(tmp_path):
    annotations = []
    for i, ((x, y), scale, labelled) in enumerate(PEOPLE):
        xy = FIGURE * scale + (x, y)
        visible = np.where(np.arange(17) >= 17 - labelled, 2, 0)
        low, high = xy.min(0), xy.max(0)
        annotations.append(
            {"id": i + 1, "image_id": 7, "category_id": 1, "iscrowd": 0, "num_keypoints": labelled,
             "keypoints": np.column_stack([xy * (visible > 0)[:, None], visible]).ravel().tolist(),
             "bbox": [*low.tolist(), *(high - low).tolist()], "area": float(np.prod(high - low))}
        )  # fmt: skip
    for i in (7, 8):
        Image.new("RGB", (500, 200)).save(tmp_path / f"{i}.png")
    images = [{"id": i, "file_name": f"{i}.png", "width": 500, "height": 200} for i in (7, 8)]
    path = tmp_path / "people.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": [COCO.to_coco_category()]}))
    return read_records(path)


def pose(i: int, score: float, shift: float = 0.0) -> Pose:
    (x, y), scale, _ = PEOPLE[i]
    xy = FIGURE * scale + (x + shift, y)
    return Pose(xy, np.full(17, 0.9), np.concatenate([xy.min(0), xy.max(0)]), probability=score)


def test_each_person_is_covered_once_by_the_best_pose(people):
    found = [[pose(0, 0.5), pose(0, 0.9, shift=2), pose(1, 0.8), pose(2, 0.7)], [pose(0, 0.6)]]
    matches = match(found, [7, 8], people)
    assert matches.people == 1
    assert matches.score.tolist() == [0.9, 0.8, 0.7, 0.5, 0.6]
    assert matches.right.tolist() == [True, True, True, False, False]  # the worse of two on one person; nobody there
    assert matches.covers.tolist() == [True, False, False, False, False]
    assert matches.at(0.55) == {"threshold": 0.55, "people": 1, "covered": 100.0, "answers": 4.0}
    assert matches.at(0.85) == {"threshold": 0.85, "people": 1, "covered": 100.0, "answers": 1.0}


@pytest.mark.parametrize(("shift", "right"), [(0, True), (60, False)])
def test_a_pose_far_away_is_wrong(people, shift, right):
    matches = match([[pose(0, 0.9, shift)], []], [7, 8], people)
    assert matches.right.tolist() == [right]
    assert matches.missed == (0 if right else 1)
    assert matches.f1(0.5) == (1.0 if right else 0.0)


def test_nobody_found_covers_nobody(people):
    matches = match([[], []], [7, 8], people)
    assert matches.at(0.3)["covered"] == 0 and matches.missed == 1


def test_a_set_without_the_body_cannot_be_judged(ramps):
    record_set = ramps()
    short = record_set.onto(SKELETONS["jhmdb15"])
    assert match([[]] * 3, list(record_set.images), record_set).people == 3
    assert set(BODY) <= set(short.skeleton.keypoints)
