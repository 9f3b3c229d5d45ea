import json

import numpy as np
import pytest
import torch

from unipose.datasets.synthetic.classes import SHAPES, draw_classes
from unipose.training.class_images import SmallImages
from unipose.training.classifier_run import RECIPES, ClassifierSettings, open_run

SETTINGS = ClassifierSettings("cifar_wrn_10_2_dropout", "wrn", epochs=3, images=128, seed=0)


@pytest.fixture(scope="module")
def images():
    drawn = (draw_classes(count, seed, side=12) for seed, count in enumerate((130, 40)))
    return [SmallImages(*one, tuple(SHAPES)) for one in drawn]


def opened(images, folder, settings=SETTINGS):
    return open_run(settings, *images, torch.device("cpu"), folder)


@pytest.mark.parametrize(
    ("recipe", "rates"),
    [  # at steps of the published training
        ("resnet", {0: 0.01, 399: 0.01, 400: 0.1, 31_999: 0.1, 32_000: 0.01, 48_000: 0.001, 63_999: 0.001}),
        ("wrn", {0: 0.1, 59: 0.1, 60: 0.02, 119: 0.02, 120: 0.004, 160: 0.0008, 199: 0.0008}),
    ],
)
def test_recipes_are_as_published(recipe, rates):
    """In steps of 64,000, and in epochs of 200."""
    total = 64_000 if recipe == "resnet" else 200
    assert {step: RECIPES[recipe].rate(step / total) for step in rates} == rates
    assert RECIPES["resnet"].epochs == round(64_000 / (50_000 // 128)) and RECIPES["wrn"].epochs == 200


def test_a_shorter_training_has_the_whole_schedule(images, tmp_path):
    run = opened(images, tmp_path, ClassifierSettings("cifar_wrn_10_2", "resnet", 4, 130, 0))
    assert [run.train_epoch()["lr"] for _ in range(4)] == [0.1, 0.01, 0.001, 0.001]


def test_an_interrupted_run_goes_on_as_if_it_had_not_stopped(images, tmp_path):
    whole = opened(images, tmp_path / "whole")
    for _ in range(3):
        whole.train_epoch()
    opened(images, tmp_path / "parts").train_epoch()
    for _ in range(2):
        parts = opened(images, tmp_path / "parts")
        parts.train_epoch()
    for name, tensor in whole.trainer.unwrapped.state_dict().items():
        assert torch.equal(tensor, parts.trainer.unwrapped.state_dict()[name]), name
    lines = [json.loads(line) for line in (tmp_path / "parts" / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert lines[-1]["loss"] < lines[0]["loss"] and lines[-1]["metric"] == "error %"


def test_seeds_differ(images, tmp_path):
    losses = {
        opened(images, tmp_path / str(seed), ClassifierSettings("cifar_wrn_10_2", "wrn", 1, 130, seed)).train_epoch()[
            "loss"
        ]
        for seed in range(2)
    }
    assert len(losses) == 2


def test_a_run_of_other_settings_is_kept(images, tmp_path):
    opened(images, tmp_path)
    with pytest.raises(ValueError, match=r"begun with other settings: epochs 9, and it was 3\. Choose another --run"):
        opened(images, tmp_path, ClassifierSettings("cifar_wrn_10_2_dropout", "wrn", 9, 128, 0))


def test_fewer_images_than_a_batch_are_refused(images, tmp_path):
    train, test = images
    with pytest.raises(ValueError, match="100 training images do not fill a batch of 128"):
        opened((train.subset(100), test), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_loss_that_is_not_finite_is_told(images, tmp_path):
    run = opened(images, tmp_path)
    run.trainer.mean = (np.nan,) * 3
    run.trainer.__post_init__()
    with pytest.raises(ValueError, match="the loss is nan in "):
        run.train_epoch()
