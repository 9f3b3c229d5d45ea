import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from unipose.dataset import Batch
from unipose.engine import NonFiniteLoss, Trainer, parameter_groups, warmup_cosine
from unipose.loss import LOSSES


def trainer(network: nn.Module, clip_norm: float = 1e9) -> Trainer:
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    schedule = LambdaLR(optimizer, lambda step: 1.0)
    return Trainer(network, LOSSES["mse"], optimizer, schedule, None, torch.device("cpu"), False, clip_norm)


def batch(value: float = 1.0, count: int = 2) -> Batch:
    image = torch.full((count, 3, 4, 4), value)
    return Batch(
        image=image, target=torch.ones(count, 1, 4, 4), weight=torch.ones(count, 1), index=torch.arange(7, 7 + count)
    )


def test_an_epoch_learns_and_reports():
    torch.manual_seed(0)
    steps: list[tuple[float, int]] = []
    network = nn.Conv2d(3, 1, 1)
    mean = trainer(network).epoch([batch(), batch(1.0, 4)] * 20, lambda loss, images: steps.append((loss, images)))
    assert [images for _, images in steps[:2]] == [2, 4]
    assert mean == pytest.approx(sum(loss * images for loss, images in steps) / 120)
    assert steps[-1][0] < 0.5 * steps[0][0]
    assert network.training


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_before_the_step_and_names_the_batch(value):
    network = nn.Conv2d(3, 1, 1)
    before = network.weight.detach().clone()
    with pytest.raises(NonFiniteLoss) as stopped:
        trainer(network).step(batch(value))
    assert stopped.value.indices == [7, 8]
    assert torch.equal(network.weight, before)


def test_gradients_are_clipped():
    network = nn.Conv2d(3, 1, 1)
    before = [p.detach().clone() for p in network.parameters()]
    trainer(network, clip_norm=0.5).step(batch(100.0))
    moved = torch.sqrt(sum(((p - b) ** 2).sum() for p, b in zip(network.parameters(), before, strict=True)))
    assert moved.item() == pytest.approx(0.01 * 0.5, rel=1e-3)


@pytest.mark.parametrize(("step", "factor"), [(0, 0.25), (3, 1.0), (4, 1.0), (54, 0.505), (104, 0.01), (999, 0.01)])
def test_schedule(step, factor):
    assert warmup_cosine(step, warmup=4, total=104) == pytest.approx(factor)


def test_norms_and_biases_do_not_decay():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    decayed, free = parameter_groups(network, 0.05)
    assert [p.ndim for p in decayed["params"]] == [4] and decayed["weight_decay"] == 0.05
    assert [p.ndim for p in free["params"]] == [1, 1, 1] and free["weight_decay"] == 0
