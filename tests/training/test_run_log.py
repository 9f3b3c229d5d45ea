import json

import cv2
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from unipose.training.run_log import RunLog, curves

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


def test_curves_name_their_metric():
    titles = [axes.get_title() for axes in curves(LINES).axes]
    assert titles == ["loss", "PCK@0.2"]
    assert [len(axes.lines[0].get_xdata()) for axes in curves(LINES).axes] == [2, 1]
