"""A teacher's maps are mixed into the targets, less and less; what cannot teach is refused."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tests.support.networks import SMALL_LSTM_NETWORK, SMALL_NETWORK
from unipose.core import heatmap
from unipose.core.model_spec import ModelSpec
from unipose.core.skeleton import SKELETONS
from unipose.modeling.checkpoint import build_network, save_model
from unipose.modeling.warp import Normalise
from unipose.training.distillation import Teacher, open_teacher

TEACHER = ModelSpec(
    name="t", version="0", skeleton=SKELETONS["body19"], input_wh=(96, 64), stride=4, sigma=1.0, margin=1.25,
    mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), network=SMALL_NETWORK,
)  # fmt: skip
STUDENT = replace(TEACHER, name="s", skeleton=SKELETONS["lsp14"], input_wh=(48, 32), sigma=1.5)
CPU = torch.device("cpu")


def saved(tmp_path, **changes):
    spec = replace(TEACHER, **changes)
    torch.manual_seed(0)
    save_model(tmp_path / "t.safetensors", build_network(spec).state_dict(), spec)
    return tmp_path / "t.safetensors"


class Sure(nn.Module):
    """Knows one answer: maps (1, K, h, w)."""

    def __init__(self, maps):
        super().__init__()
        self.maps = maps

    def forward(self, images):
        self.images = images
        return self.maps.expand(len(images), -1, -1, -1)


def sure(xy, places, weight=0.5):
    """A teacher of two keypoints at xy, in cells of its maps of 24x16."""
    maps = torch.from_numpy(heatmap.encode(np.array(xy), np.ones(2, bool), (24, 16), 1.0))[None]
    return Teacher(
        Sure(maps), (64, 96), Normalise((0, 0, 0), (1, 1, 1)), torch.tensor(places), 2 * math.pi * 1.5**2, weight
    )


def target(x, y):
    return torch.from_numpy(heatmap.encode(np.array([[x, y]]), np.ones(1, bool), (12, 8), 1.5))[None]


IMAGE = torch.full((1, 32, 48, 3), 255, dtype=torch.uint8)


@pytest.mark.parametrize(("done", "share"), [(0.0, 0.5), (0.5, 0.25), (0.9, 0.05), (1.0, 0.0)])
def test_its_share_falls_to_nothing(done, share):
    teacher = sure([[4, 4], [16.5, 8.5]], [1])  # two of its cells are one of the student's, edge to edge
    own = target(3, 3)
    mixed = teacher.mix(IMAGE, own, done)
    theirs = (mixed - own) / share + own if share else own
    assert share or mixed is own
    if share:
        spread = theirs[0, 0] / theirs.sum()
        assert (spread.sum(0) * torch.arange(12)).sum().item() == pytest.approx(8, abs=0.02)
        assert (spread.sum(1) * torch.arange(8)).sum().item() == pytest.approx(4, abs=0.02)
        assert theirs.sum().item() == pytest.approx(2 * math.pi * 1.5**2, rel=1e-4)
        assert torch.allclose(teacher.network.images, torch.ones(1, 3, 64, 96))


def test_an_opened_teacher_sees_what_its_predictor_would(tmp_path):
    teacher = open_teacher(saved(tmp_path), STUDENT, 1.0, CPU)
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.integers(0, 256, (2, 32, 48, 3), np.uint8))
    mixed = teacher.mix(image, torch.zeros(2, 14, 8, 12), 0.0)
    assert mixed.shape == (2, 14, 8, 12) and torch.isfinite(mixed).all() and not mixed.requires_grad
    names = SKELETONS["body19"].keypoints
    assert [names[place] for place in teacher.places] == list(SKELETONS["lsp14"].keypoints)
    assert not any(parameter.requires_grad for parameter in teacher.network.parameters())


@pytest.mark.parametrize(
    ("teacher", "student", "why"),
    [
        ({"kind": "finder"}, {}, "single poses"),
        ({"network": SMALL_LSTM_NETWORK}, {}, "single poses"),
        ({}, {"network": SMALL_LSTM_NETWORK}, "single poses"),
        ({}, {"input_wh": (48, 48)}, "sees 96x64: model.input_wh must have its proportions"),
        ({"skeleton": SKELETONS["coco17"]}, {}, "does not know the keypoints neck, head_top"),
    ],
)
def test_what_cannot_teach_is_refused(tmp_path, teacher, student, why):
    with pytest.raises(ValueError, match=why):
        open_teacher(saved(tmp_path, **teacher), replace(STUDENT, **student), 0.5, CPU)
