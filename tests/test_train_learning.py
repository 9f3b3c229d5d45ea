"""What `unipose train` reaches: pictures learned by heart, and sets learned from scratch."""

import json
from dataclasses import replace

import cv2
import pytest
import torch

from tests.support.small_training import SMALL, arguments
from unipose.datasets.synthetic.images import draw_sample
from unipose.evaluate import main as evaluate
from unipose.train import main
from unipose.training.build import build_run
from unipose.training.config import read_config
from unipose.training.configuration import SAMPLE_CONFIG
from unipose.training.sets import read_data


def test_a_small_network_can_learn_a_few_images_by_heart(sample, tmp_path):
    """The whole chain (affine, codec, network, loss, predictor, metric) fits together, or this could not be learned."""
    few = ["augment.scale=[1, 1]", "augment.rotation=0", "augment.shift=0", "augment.flip=0", "augment.appearance=0",
           "train.lr=3e-3", "train.ema_decay=0", "train.epochs=60"]  # fmt: skip
    config = read_config(None, arguments(sample, tmp_path, *few), SAMPLE_CONFIG)
    [training], _ = read_data(config.data, tmp_path, None)  # type: ignore[arg-type]
    eight = replace(training, records=training.records[:8])
    run = build_run(config, [eight], eight, torch.device("cpu"))
    seen: list[float] = []
    for epoch in range(60):
        line = run.train_epoch(lambda loss, images: seen.append(loss), validate=epoch == 59)
    assert seen[-1] < 0.25 * seen[0]
    assert line["validation"] > 90
    assert {path.name for path in tmp_path.iterdir()} >= {"predictions.jpg", "curves.png", "log.jsonl", "tensorboard"}


FINDER = ["model.kind=finder", "train.loss=boxes", "train.lr=3e-3", "train.clip_norm=10"]


def test_a_small_finder_can_learn_a_few_images_by_heart(tmp_path, capsys):
    """With one figure, several and none, in pictures of another shape than the input."""
    train, _ = draw_sample(tmp_path, count=10, size_wh=(150, 100))
    still = ["augment.scale=[1, 1]", "augment.shift=0", "augment.flip=0", "train.ema_decay=0", "train.epochs=40"]
    words = [*FINDER, *still, "train.validate_every=20", f"data.train=[{train}]", f"data.val={train}"]
    assert main([*SMALL, *words, f"train.run={tmp_path}/run"]) == 0
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["loss"] < 0.3 * lines[0]["loss"]
    assert lines[-1]["metric"] == "box AP" and lines[-1]["AP50"] > 90 and lines[-1]["validation"] > 50
    assert cv2.imread(str(tmp_path / "run" / "predictions.jpg")).shape == (2 * 224, 4 * 224, 3)
    report = tmp_path / "report.json"
    assert evaluate([str(tmp_path / "run" / "last.safetensors"), str(train), "--json", str(report)]) == 0
    assert json.loads(report.read_text())["mean"] == pytest.approx(lines[-1]["validation"], abs=0.01)


@pytest.mark.slow
def test_a_finder_learns_to_find_drawn_figures(tmp_path):
    """From scratch, in pictures that it has not seen, from about nothing to nine of ten."""
    assert main([*FINDER, f"train.run={tmp_path}"]) == 0
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["AP50"] > 85 and lines[-1]["validation"] > 35


@pytest.mark.slow
def test_without_arguments_the_sample_set_is_learned(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([]) == 0
    last = json.loads((tmp_path / "runs/sample/log.jsonl").read_text().splitlines()[-1])
    assert last["validation"] > 90
