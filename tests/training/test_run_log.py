import json

import cv2
import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from unipose.core.boxes import Detections
from unipose.core.draw import COLOURS, PEOPLE
from unipose.core.image import read_image
from unipose.core.skeleton import SKELETONS
from unipose.datasets.records import Annotated, RecordSet
from unipose.evaluation.summary import annotated
from unipose.training.run_log import RunLog, box_pictures, curves, pose_pictures, require_spelling

LINES = [
    {"epoch": 1, "loss": 3.0, "lr": 0.1, "images_per_s": 9.0, "metric": "PCK@0.2", "validation": 20.5},
    {"epoch": 2, "loss": 2.0, "lr": 0.05, "images_per_s": 9.5},
]


def test_a_log_that_is_written_anew_has_every_epoch_once(tmp_path):
    log = RunLog(tmp_path)
    for lines in (LINES[:1], LINES, LINES):  # the last as after a resume
        log.write(lines)
    assert [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()] == LINES
    assert cv2.imread(str(tmp_path / "curves.png")).std() > 1
    board = EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    assert [(e.step, e.value) for e in board.Scalars("loss")] == [(1, 3.0), (2, 2.0)]
    assert [(e.step, e.value) for e in board.Scalars("validation")] == [(1, 20.5)]


def test_each_start_of_a_training_says_what_it_ran_on(tmp_path):
    log = RunLog(tmp_path)
    for epoch, device in ((1, "a"), (4, "b"), (4, "c"), (7, "a")):  # the second was interrupted in its first epoch
        log.write_environment(epoch, {"device": device})
    starts = [json.loads(line) for line in (tmp_path / "environment.jsonl").read_text().splitlines()]
    assert [(start["epoch"], start["device"]) for start in starts] == [(1, "a"), (4, "c"), (7, "a")]


def test_tensorboard_spells_the_folders_name_or_it_is_refused(tmp_path):
    require_spelling(tmp_path / "L\u00e4ufe")
    with pytest.raises(ValueError, match=r"in this locale TensorBoard writes to folders of ASCII names alone"):
        require_spelling(tmp_path / "L\udcc3\udca4ufe")  # as Python has it in an ASCII locale


def test_curves_name_their_metric():
    titles = [axes.get_title() for axes in curves(LINES).axes]
    assert titles == ["loss", "PCK@0.2"]
    assert [len(axes.lines[0].get_xdata()) for axes in curves(LINES).axes] == [2, 1]


@pytest.mark.parametrize("count", [2, 9])
def test_an_image_with_several_people_is_one_picture(ramps, count):
    """With everybody's pose in it; no more images than asked for."""
    record_set = ramps(people=2)
    poses = [annotated(record).moved(np.array([9.0 * (i % 2), 0])) for i, record in enumerate(record_set.records)]
    pictures = pose_pictures(record_set, poses, count)
    assert len(pictures) == min(count, 3)
    for picture, path in zip(pictures, record_set.images.values(), strict=False):
        assert picture.shape == read_image(path).shape
        there = {tuple(pixel) for pixel in picture.reshape(-1, 3).tolist()}
        assert {PEOPLE[0], PEOPLE[1]} <= there


def test_boxes_labelled_and_found(tmp_path):
    """Of three images the second shows nobody, the third is not asked for; who is unlikely is not drawn."""
    images = {5: tmp_path / "a.png", 2: tmp_path / "b.png", 9: tmp_path / "c.png"}
    for path in images.values():
        Image.new("RGB", (80, 50)).save(path)
    people = {5: Annotated(np.array([[10.0, 5, 30, 45]]), np.array([False]))}
    record_set = RecordSet(tmp_path / "set.json", SKELETONS["lsp14"], (), images, people)
    found = [
        Detections(np.array([[40.0, 8, 70, 40], [1, 1, 6, 6]]), np.array([0.8, 0.2])),
        Detections(np.array([[20.0, 20, 60, 40]]), np.array([0.4])),
        Detections(np.empty((0, 4)), np.empty(0)),
    ]
    first, second = box_pictures(record_set, found, count=2)
    assert (first[5, 10:30] == PEOPLE[0]).all() and (first[8, 40:70] == COLOURS["right"]).all()
    assert not first[:5].any() and not first[:, :10].any()
    assert (second[20, 20:60] == COLOURS["right"]).all() and not (second == 255).all(axis=2).any()


def test_predictions_are_a_grid(tmp_path):
    RunLog(tmp_path / "run").write_predictions([np.full((50, 80, 3), 200, np.uint8)] * 5)
    assert cv2.imread(str(tmp_path / "run" / "predictions.jpg")).shape == (2 * 224, 4 * 224, 3)
