import pytest
import torch
from torch import nn

from unipose.training.optim import OPTIMIZERS, SCHEDULES, lr_factor, parameter_groups


@pytest.mark.parametrize(
    ("schedule", "step", "expected"),
    [
        ("cosine", 0, 0.25),
        ("cosine", 3, 1.0),
        ("cosine", 4, 1.0),
        ("cosine", 54, 0.505),
        ("cosine", 104, 0.01),
        ("cosine", 999, 0.01),
        ("step", 1, 0.5),
        ("step", 73, 1.0),
        ("step", 74, 0.1),
        ("step", 94, 0.01),
        ("constant", 104, 1.0),
    ],
)
def test_the_learning_rate_follows_its_schedule(schedule, step, expected):
    assert lr_factor(step, schedule, warmup=4, total=104) == pytest.approx(expected)


def test_every_schedule_starts_at_one():
    assert {schedule(0.0) for schedule in SCHEDULES.values()} == {1.0}


def test_norms_and_biases_do_not_decay():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    decayed, free = parameter_groups(network, 0.05)
    assert [p.ndim for p in decayed["params"]] == [4] and decayed["weight_decay"] == 0.05
    assert [p.ndim for p in free["params"]] == [1, 1, 1] and free["weight_decay"] == 0


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_goes_downhill(name):
    x = nn.Parameter(torch.tensor([[3.0, -2.0]]))
    optimizer = OPTIMIZERS[name]([{"params": [x], "weight_decay": 0.0}], 0.05, 0.9)
    for _ in range(200):
        optimizer.zero_grad()
        (x**2).sum().backward()
        optimizer.step()
    assert x.abs().max() < 0.2
