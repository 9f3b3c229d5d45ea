"""Every configuration in configs/ trains: a few steps on drawn data, without the pretrained weights of the network."""

import json
import math
from pathlib import Path

import pytest

from unipose.datasets.synthetic.clips import draw_clips
from unipose.datasets.synthetic.images import draw_sample
from unipose.train import main

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Training and test file of images and of clips."""
    folder = tmp_path_factory.mktemp("drawn")
    return {
        "image": draw_sample(folder / "images", count=5, seed=1, figures=(1,)),
        "clips": draw_clips(folder / "clips", count=5, frames=5, seed=1),
    }


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_a_configuration_trains(drawn, tmp_path, config):
    train, test = drawn["clips" if config.stem.startswith("clips") else "image"]
    few = [f"data.train=[{train}]", f"data.val={test}", "train.epochs=1", "train.batch_size=2", "train.workers=0"]
    start = ["model.pretrained=null"]
    if config.stem == "clips_lstm":  # goes on from the network of single frames
        frames = tmp_path / "frames"
        assert main([str(config.with_name("clips.yaml")), *few, f"train.run={frames}"]) == 0
        start.append(f"model.start={frames / 'last.safetensors'}")
    assert main([str(config), *few, *start, f"train.run={tmp_path / 'run'}"]) == 0
    [line] = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    line = json.loads(line)
    assert math.isfinite(line["loss"]) and "validation" in line
