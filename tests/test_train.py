import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from unipose.checkpoint import load_model
from unipose.config import read_config
from unipose.sample import draw_sample
from unipose.train import SAMPLE_CONFIG, compose, main, read_data

SMALL = [
    "model.input_wh=[64, 64]", "model.wasp_channels=32", "model.decoder_channels=32", "train.workers=0",
    "train.threads=1", "train.batch_size=8", "train.epochs=2", "train.warmup_epochs=0.1",
]  # fmt: skip


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    draw_sample(folder, count=40, seed=1)
    return folder


def arguments(sample, run, *more):
    return [*SMALL, f"data.train=[{sample}/train.json]", f"data.val={sample}/test.json", f"train.run={run}", *more]


def test_a_run_leaves_everything_and_resumes(sample, tmp_path, capsys):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    assert main(arguments(sample, straight)) == 0
    assert main(arguments(sample, broken, "train.validate_every=9")) == 0
    lines = [json.loads(line) for line in (straight / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert lines[1]["loss"] < lines[0]["loss"]
    assert lines[0]["metric"] == "PCK@0.2" and 0 <= lines[0]["validation"] <= 100
    assert read_config(straight / "config.json") == read_config(None, arguments(sample, straight), SAMPLE_CONFIG)
    _, spec = load_model(straight / "best.safetensors")
    assert spec.provenance["data"][0]["people"] == 32 and spec.provenance["seed"] == 0
    assert not list(straight.glob("*.part"))

    assert main(arguments(sample, straight)) == 2
    assert "already holds a run" in capsys.readouterr().err
    assert main(["--resume", *arguments(sample, tmp_path / "none")]) == 2
    assert main([*arguments(sample, straight), "--resume", "model.wasp_channels=16"]) == 2
    assert "another configuration" in capsys.readouterr().err


def test_resumed_equals_uninterrupted(sample, tmp_path):
    """Two epochs of a three-epoch schedule, then the third by another job, against three in one go."""
    config = read_config(None, arguments(sample, tmp_path, "train.epochs=3", "data.val=null"), SAMPLE_CONFIG)
    data = read_data(config.data, tmp_path, None)  # type: ignore[arg-type]  # prints nothing for named data
    straight = compose(config, *data)
    for epoch in range(3):
        straight.epoch(epoch, lambda loss, images: None)
    first = compose(config, *data)
    for epoch in range(2):
        line = first.epoch(epoch, lambda loss, images: None)
    first.save(tmp_path, line)
    second = compose(config, *data)
    assert second.restore(tmp_path / "last.pt") == 2
    second.epoch(2, lambda loss, images: None)
    for a, b in zip(straight.network.state_dict().values(), second.network.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_a_small_network_can_learn_a_few_images_by_heart(sample, tmp_path):
    """The whole chain (affine, codec, network, loss, predictor, metric) fits together, or this could not be learned."""
    few = ["augment.scale=[1, 1]", "augment.rotation=0", "augment.shift=0", "augment.flip=0", "augment.appearance=0",
           "train.lr=3e-3", "train.ema_decay=0", "train.epochs=60"]  # fmt: skip
    config = read_config(None, arguments(sample, tmp_path, *few), SAMPLE_CONFIG)
    [training], _ = read_data(config.data, tmp_path, None)  # type: ignore[arg-type]
    eight = replace(training, records=training.records[:8])
    job = compose(config, [eight], eight)
    losses: list[float] = []
    for epoch in range(60):
        job.epoch(epoch, lambda loss, images: losses.append(loss))
    assert losses[-1] < 0.25 * losses[0]
    assert job.validate()["validation"] > 90


def test_a_loss_that_is_not_finite_names_the_images(sample, tmp_path, capsys, monkeypatch):
    nan = lambda image, mean, std: np.full((3, 64, 64), np.nan, np.float32)  # noqa: E731
    monkeypatch.setattr("unipose.dataset.normalise", nan)
    assert main(arguments(sample, tmp_path / "nan")) == 2
    error = capsys.readouterr().err
    assert "the loss is nan" in error and error.count(".jpg") == 8


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.epoch=3", "did you mean 'train.epochs'"),
        ("train.batch_size=64", "do not fill a batch of 64"),
        ("model.trunk=resnet51", "no trunk 'resnet51'"),
        ("model.input_wh=[66, 64]", "multiple of the heatmap stride"),
        ("data.train=[none.json]", "none.json"),
        ("data.val=none.json", "none.json"),
    ],
)
def test_errors_come_before_the_first_step(sample, tmp_path, capsys, override, message):
    assert main(arguments(sample, tmp_path / "run", override)) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error
    assert not (tmp_path / "run").exists()


def test_only_one_file_of_configuration(capsys):
    assert main(["a.yaml", "b.yaml"]) == 2
    assert "one configuration file" in capsys.readouterr().err


@pytest.mark.slow
def test_without_arguments_the_sample_set_is_learned(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([]) == 0
    last = json.loads((tmp_path / "runs/sample/log.jsonl").read_text().splitlines()[-1])
    assert last["validation"] > 90
