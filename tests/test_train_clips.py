"""Recurrent networks, trained on windows of clips."""

import json
import math

import pytest

from tests.support.small_training import arguments
from unipose.datasets.synthetic.clips import draw_clips
from unipose.evaluate import main as evaluate
from unipose.export import main as export
from unipose.modeling.checkpoint import load_model
from unipose.train import main


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    folder = tmp_path_factory.mktemp("film")
    draw_clips(folder, count=5, frames=6, size_wh=(96, 80))
    return folder


LSTM = ["model.lstm_channels=8", "model.lstm_kernel=3", "data.window=3", "train.epochs=1"]


def test_a_recurrent_network_is_trained_on_windows_judged_over_clips_and_exported(film, tmp_path, capsys):
    """From a network of single frames; each sample is a window, each clip of 6 frames has two."""
    single, recurrent = tmp_path / "single", tmp_path / "recurrent"
    assert main(arguments(film, single, "train.epochs=1")) == 0
    start = f"model.start={single}/last.safetensors"
    assert main(arguments(film, recurrent, *LSTM, start, "train.batch_size=4")) == 0
    [line] = [json.loads(line) for line in (recurrent / "log.jsonl").read_text().splitlines()]
    assert math.isfinite(line["loss"]) and "validation" in line
    _, spec = load_model(recurrent / "last.safetensors")
    assert (spec.state_channels, spec.provenance["window"]) == (2 * 8 + 14 + 1, 3)
    model = recurrent / "last.onnx"
    assert export([str(recurrent / "last.safetensors"), str(model)]) == 0
    for window in ("0", "1"):
        report = tmp_path / f"{window}.json"
        assert evaluate([str(model), f"{film}/test.json", "--window", window, "--json", str(report)]) == 0
        report = json.loads(report.read_text())
        assert (report["people"], report["window"]) == (6, int(window))
    assert evaluate([str(model), f"{film}/test.json", "--flip"]) == 2
    assert "takes no flip test" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data.window=3"], "data.window=3 needs a network with memory: set model.lstm_channels"),
        ([*LSTM, "data.window=7"], "no clip has 7 consecutive frames"),
        ([*LSTM, "model.lstm_alone=true"], "model.lstm_alone needs model.lstm_channels, and model.start"),
        ([*LSTM, "train.batch_size=16"], "8 samples do not fill a batch of 16"),
    ],
)
def test_windows_that_do_not_fit_are_refused(film, tmp_path, capsys, words, message):
    assert main(arguments(film, tmp_path / "run", *words)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_photographs_are_no_clips(sample, tmp_path, capsys):
    assert main(arguments(sample, tmp_path / "run", *LSTM)) == 2
    assert "clips need images with video_id and frame_id" in capsys.readouterr().err
