import re

import pytest

from unipose.bench import main
from unipose.datasets.synthetic.clips import draw_clips
from unipose.datasets.synthetic.images import draw_sample

ROWS = ("each frame", "smoothed")


def test_training_is_timed_in_parts(capsys):
    small = ["model.input_wh=[32, 32]", "model.wasp_channels=16", "model.decoder_channels=16"]
    train = ["train.batch_size=4", "train.workers=1", "train.threads=1", "train.device=cpu"]
    assert main(["train", *small, *train, "--batches", "2"]) == 0
    out = capsys.readouterr().out
    rates = {name: float(re.search(rf"{name}\D+([\d.]+)", out)[1]) for name in ("loader alone", "step alone", "both")}
    assert all(rate > 0 for rate in rates.values())
    assert re.search(r"both / step alone: \d+\.\d\d", out)
    assert "images/s per worker (1)" in out


def test_errors_are_one_line(capsys):
    assert main(["train", "train.epoch=3"]) == 2
    assert capsys.readouterr().err == "error: unknown key 'train.epoch'; did you mean 'train.epochs'?\n"


def test_what_smoothing_does_to_clips(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    _, test = draw_clips(tmp_path, count=5, frames=30, seed=0)
    assert main(["calm", str(test)]) == 0
    out = capsys.readouterr().out
    before, after = (re.search(rf"{name}[^\d-]+([\d.]+)[^\d-]+([\d.]+)[^\d-]+(-?[\d.]+)", out) for name in ROWS)
    assert float(after[2]) < 0.7 * float(before[2])
    assert float(re.search(r"left[^\d]+([\d.]+)", out)[1]) == pytest.approx(
        float(after[2]) / float(before[2]), abs=0.01
    )


def test_images_that_are_no_clips_are_refused(tmp_path, capsys):
    train, _ = draw_sample(tmp_path, count=5, seed=0)
    assert main(["calm", str(train)]) == 2
    assert "clips need images with video_id and frame_id" in capsys.readouterr().err


def test_engines_are_timed_against_the_peak(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("unipose.benchmark.peers.SECONDS", 0.0)
    monkeypatch.setattr("unipose.benchmark.throughput.ROUNDS", 1)
    monkeypatch.setattr("torch.compile", lambda module: module)  # which takes a minute
    assert main(["infer", "--no-peers", "--int8", "int8"]) == 0
    out = capsys.readouterr().out
    rows = [line for line in out.splitlines() if "unipose-s" in line]
    assert len(rows) == 9  # PyTorch and compiled, twice each; ONNX Runtime twice; OpenVINO three times
    assert all(re.search(r"│\s+2\.6 │(\s+[\d.]+ │){4}", row) for row in rows)
    assert sum("%" in row for row in rows) == 7
