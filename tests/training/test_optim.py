import pytest
import torch
from torch import nn

from unipose.training.optim import OPTIMIZERS, SCHEDULES, Average, Moment, lr_factor, parameter_groups


@pytest.mark.parametrize(
    ("schedule", "step", "expected"),
    [
        ("flat_cosine", 54, 1.0),
        ("flat_cosine", 79, 0.505),
        ("flat_cosine", 104, 0.01),
        ("cosine", 0, 0.25),
        ("cosine", 3, 1.0),
        ("cosine", 4, 1.0),
        ("cosine", 54, 0.505),
        ("cosine", 104, 0.01),
        ("cosine", 999, 0.01),
        ("step", 1, 0.5),
        ("step", 69, 1.0),
        ("step", 70, 0.3),
        ("step", 90, 0.09),
        ("constant", 104, 1.0),
    ],
)
def test_the_learning_rate_follows_its_schedule(schedule, step, expected):
    factor = lr_factor(step, schedule, warmup=4, total=104, milestones=(70, 90), gamma=0.3)
    assert factor == pytest.approx(expected)


def test_every_schedule_starts_at_one():
    assert {schedule(Moment(0.0, 0, 0.1)) for schedule in SCHEDULES.values()} == {1.0}


def test_norms_and_biases_do_not_decay():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    decayed, free = parameter_groups(network, 0.05)
    assert [p.ndim for p in decayed["params"]] == [4] and decayed["weight_decay"] == 0.05
    assert [p.ndim for p in free["params"]] == [1, 1, 1] and free["weight_decay"] == 0


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_goes_downhill(name, fused):
    x = nn.Parameter(torch.tensor([[3.0, -2.0]]))
    optimizer = OPTIMIZERS[name]([{"params": [x], "weight_decay": 0.0}], 0.05, 0.9, fused)
    for _ in range(200):
        optimizer.zero_grad()
        (x**2).sum().backward()
        optimizer.step()
    assert x.abs().max() < 0.2


def test_the_average_follows_weights_and_buffers_and_goes_on_from_its_state():
    network = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
    average = Average(network, 0.75)
    expected = 0.0
    for i, value in enumerate([1.0, 3.0, -2.0, 5.0] * 10):
        network.state_dict()["0.weight"].fill_(value)
        network.state_dict()["1.running_mean"].fill_(value)
        network.state_dict()["1.num_batches_tracked"].fill_(i)
        decay = min(0.75, i / (9 + i))
        expected = decay * expected + (1 - decay) * value
        if i == 20:
            state, average = average.state_dict(), Average(network, 0.75)
            average.load_state_dict(state)
        average.update(network)
        state = average.module.state_dict()
        assert state["0.weight"].item() == pytest.approx(expected) == state["1.running_mean"].item()
        assert state["1.num_batches_tracked"] == i
    assert network[0].weight.item() == 5.0 and not any(p.requires_grad for p in average.module.parameters())
