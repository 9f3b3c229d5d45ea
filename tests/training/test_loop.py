import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from unipose.core.image import normalise
from unipose.training.dataset import Batch
from unipose.training.loop import NonFiniteLoss, Trainer
from unipose.training.loss import LOSSES


def trainer(network: nn.Module, **changes) -> Trainer:
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    arguments = {
        "network": network, "unwrapped": network, "loss": LOSSES["mse"], "optimizer": optimizer,
        "scheduler": LambdaLR(optimizer, lambda step: 1.0), "average": None, "device": torch.device("cpu"),
        "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0),
        "precision": torch.float32, "joint_weights": torch.ones(2), "clip_norm": 1e9,
    }  # fmt: skip
    return Trainer(**arguments | changes)


def batch(count: int = 2, value: float = 1.0, weight: float = 1.0) -> Batch:
    image = torch.full((count, 4, 4, 3), 255 * value)
    index = torch.arange(7, 7 + count)
    return Batch(image=image, target=torch.ones(count, 2, 4, 4), weight=torch.full((count, 2), weight), index=index)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Conv2d(3, 2, 1)


def test_an_epoch_learns_and_reports():
    seen: list[tuple[float, int]] = []
    net = network()
    mean = trainer(net).train_epoch([batch(), batch(4)] * 20, lambda loss, images: seen.append((loss, images)))
    assert [images for _, images in seen[:2]] == [2, 4]
    assert mean == pytest.approx(sum(loss for loss, _ in seen) / 40)
    assert seen[-1][0] < 0.5 * seen[0][0]
    assert net.training


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_before_the_step_and_names_the_batch(value):
    net = network()
    before = net.weight.detach().clone()
    with pytest.raises(NonFiniteLoss) as stopped:
        trainer(net).train_epoch([batch(value=value)], lambda loss, images: None)
    assert stopped.value.indices == [7, 8]
    assert torch.equal(net.weight, before)


@pytest.mark.parametrize("read_every", [1, 3, 100])
def test_losses_are_read_together_and_the_first_that_is_not_finite_is_named(read_every):
    expected, seen = [], []
    mean = trainer(network()).train_epoch([batch(), batch(4)] * 5, lambda loss, images: expected.append((loss, images)))
    together = trainer(network(), read_every=read_every)
    assert together.train_epoch([batch(), batch(4)] * 5, lambda loss, images: seen.append((loss, images))) == mean
    assert seen == expected
    bad, after = batch(value=math.nan), batch(4, value=math.nan)
    bad["index"] += 100
    with pytest.raises(NonFiniteLoss) as stopped:
        together.train_epoch([batch(), bad, after], lambda loss, images: None)
    assert stopped.value.indices == [107, 108]


@pytest.mark.parametrize("time", [(), (5,)])
def test_images_are_normalised_as_the_predictor_does_it(time):
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    image = torch.randint(0, 256, (2, *time, 6, 4, 3), dtype=torch.uint8)
    found = trainer(network(), mean=mean, std=std).normalise(image).flatten(0, -4)
    for one, rgb in zip(found, image.flatten(0, -4).numpy(), strict=True):
        assert np.allclose(one.numpy(), normalise(rgb, mean, std), atol=1e-5)


def test_gradients_are_clipped():
    net = network()
    before = [p.detach().clone() for p in net.parameters()]
    trainer(net, clip_norm=0.5).train_epoch([batch(value=100.0)], lambda loss, images: None)
    moved = torch.sqrt(sum(((p - b) ** 2).sum() for p, b in zip(net.parameters(), before, strict=True)))
    assert moved.item() == pytest.approx(0.01 * 0.5, rel=1e-3)


@pytest.mark.parametrize("labelled", [[1.0] * 4, [1.0, 0.0, 0.25, 1.0], [0.0, 0.0, 0.0, 0.1]])
def test_accumulated_batches_make_the_step_of_one_large_batch(labelled):
    """However many of each one's keypoints are labelled."""
    large, small, seen = network(), network(), []
    parts = [batch(2, value, weight) for value, weight in zip((1.0, 2.0, 3.0, 4.0), labelled, strict=True)]
    whole = Batch(**{key: torch.cat([part[key] for part in parts]) for key in parts[0]})
    loss = trainer(large).train_epoch([whole], lambda loss, images: None)
    mean = trainer(small, accumulate=4).train_epoch(parts, lambda loss, images: seen.append(loss))
    assert torch.allclose(large.weight, small.weight, atol=1e-6) and not torch.equal(large.weight, network().weight)
    assert mean == pytest.approx(loss) and sum(seen) / 4 == pytest.approx(loss)


def test_an_unfinished_accumulation_is_dropped():
    net = network()
    before = net.weight.detach().clone()
    trainer(net, accumulate=3).train_epoch([batch()] * 2, lambda loss, images: None)
    assert torch.equal(net.weight, before)
    assert net.weight.grad is None


def test_a_state_of_another_device_leaves_the_optimizer_as_this_one_has_it():
    """Fused on a GPU alone."""
    t = trainer(network())
    t.train_epoch([batch()], lambda loss, images: None)
    state = t.state_dict()
    own = t.optimizer.param_groups[0]["fused"]
    for group in state["optimizer"]["param_groups"]:
        group["fused"] = not own
    again = trainer(network())
    again.load_state_dict(state)
    assert [group["fused"] for group in again.optimizer.param_groups] == [own] * len(state["optimizer"]["param_groups"])


def test_weights_of_samples_and_joints():
    net = network()
    only_first = trainer(net, joint_weights=torch.tensor([1.0, 0.0]))
    only_first.train_epoch([batch()], lambda loss, images: None)
    fresh = network()
    assert not torch.equal(net.weight[0], fresh.weight[0]) and torch.equal(net.weight[1], fresh.weight[1])
    assert trainer(network()).train_epoch([batch(weight=0.0)], lambda loss, images: None) == 0


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_autocast_changes_the_arithmetic_not_the_learning(precision):
    losses: list[float] = []
    net = network()
    t = trainer(net, precision=precision)
    assert t.scaler.is_enabled() == (precision is torch.float16)
    t.train_epoch([batch()] * 40, lambda loss, images: losses.append(loss))
    assert net.weight.dtype == torch.float32
    assert losses[-1] < 0.2 * losses[0]
    exact: list[float] = []
    trainer(network()).train_epoch([batch()], lambda loss, images: exact.append(loss))
    assert losses[0] == pytest.approx(exact[0], rel=0.02)


def test_an_overflow_in_float16_steps_neither_the_weights_nor_the_schedule():
    net = network()
    before = net.weight.detach().clone()
    t = trainer(net, precision=torch.float16)
    scale = t.scaler.get_scale()
    t.train_epoch([batch(value=60.0)], lambda loss, images: None)
    assert torch.equal(net.weight, before)
    assert t.scheduler.last_epoch == 0 and t.scaler.get_scale() < scale
