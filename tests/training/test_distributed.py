import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from unipose.training import distributed
from unipose.training.distributed import DistributedBatchSampler
from unipose.training.loop import Trainer
from unipose.training.loss import LOSSES

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]


def test_alone():
    assert (distributed.rank(), distributed.world_size()) == (0, 1)


@pytest.mark.parametrize("world", [1, 2, 4])
def test_processes_share_the_same_batches(monkeypatch, world):
    alone = DistributedBatchSampler(50, 8, seed=3)
    alone.epoch = 5
    expected = [sorted(batch) for batch in alone]
    monkeypatch.setattr(distributed, "world_size", lambda: world)
    shares = []
    for rank in range(world):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        batches = DistributedBatchSampler(50, 8, seed=3)
        batches.epoch = 5
        shares.append(list(batches))
    assert [sorted(chain(*parts)) for parts in zip(*shares, strict=True)] == expected
    assert {len(part) for parts in shares for part in parts} == {8 // world}


def test_an_epoch_shows_everybody_once_and_differs_from_the_next():
    batches = DistributedBatchSampler(50, 8, seed=0)
    first = list(batches)
    assert len(first) == len(batches) == 6
    assert len({i for batch in first for i in batch}) == 48
    assert list(batches) == first
    batches.epoch = 1
    assert list(batches) != first
    other = DistributedBatchSampler(50, 8, seed=1)
    assert list(other) != first


def test_sizes_that_do_not_fit_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="7 samples do not fill a batch of 8"):
        DistributedBatchSampler(7, 8, 0)
    monkeypatch.setattr(distributed, "world_size", lambda: 3)
    with pytest.raises(ValueError, match="multiple of the 3 processes"):
        DistributedBatchSampler(50, 8, 0)


def learn(out: Path) -> None:
    """Train a convolution for three epochs; the first process writes the losses and the weights.

    Without batch norm, whose statistics are each process's own, any number of processes must do the same arithmetic.
    Most keypoints have no label, so that the processes' shares of a batch weigh differently.
    """
    torch.manual_seed(0)
    convolution = nn.Conv2d(3, 2, 3, padding=1)
    image, target, weight = 255 * torch.rand(24, 8, 8, 3), torch.rand(24, 2, 8, 8), (torch.rand(24, 2) < 0.3).float()
    optimizer = torch.optim.SGD(convolution.parameters(), lr=1e-3, momentum=0.9)
    losses: list[float] = []
    with distributed.process_group("cpu") as device:
        batches = DistributedBatchSampler(24, 8, seed=0)
        trainer = Trainer(
            network=distributed.wrap_distributed(convolution, device), unwrapped=convolution, loss=LOSSES["mse"],
            optimizer=optimizer, scheduler=LambdaLR(optimizer, lambda step: 1.0), average=None, device=device,
            mean=(0.0,) * 3, std=(1.0,) * 3,
            precision=torch.float32, joint_weights=torch.tensor([1.0, 3.0]), clip_norm=5.0,
        )  # fmt: skip
        for batches.epoch in range(3):
            shares = [
                {"image": image[i], "target": target[i], "weight": weight[i], "index": torch.tensor(i)} for i in batches
            ]
            trainer.train_epoch(shares, lambda loss, images: losses.append(loss))
        if distributed.rank() == 0:
            torch.save({"losses": torch.tensor(losses), **convolution.state_dict()}, out)


def test_two_processes_learn_what_one_does(tmp_path):
    """torchrun with gloo: the same loss of every batch and the same weights, up to the order of float32's sums."""
    learn(tmp_path / "one.pt")
    subprocess.run([*TORCHRUN, __file__, str(tmp_path / "two.pt")], check=True, capture_output=True)
    one, two = torch.load(tmp_path / "one.pt"), torch.load(tmp_path / "two.pt")
    assert len(one["losses"]) == 9 and one["losses"][-1] < 0.6 * one["losses"][0]
    for name, expected in one.items():
        torch.testing.assert_close(two[name], expected, rtol=1e-4, atol=1e-6)


if __name__ == "__main__":
    learn(Path(sys.argv[1]))
