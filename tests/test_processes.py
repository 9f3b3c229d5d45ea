from itertools import chain

import pytest

from unipose import processes
from unipose.processes import Batches


def test_alone():
    assert (processes.rank(), processes.world()) == (0, 1)


@pytest.mark.parametrize("world", [1, 2, 4])
def test_processes_share_the_same_batches(monkeypatch, world):
    alone = Batches(50, 8, seed=3)
    alone.epoch = 5
    expected = [sorted(batch) for batch in alone]
    monkeypatch.setattr(processes, "world", lambda: world)
    shares = []
    for rank in range(world):
        monkeypatch.setattr(processes, "rank", lambda rank=rank: rank)
        batches = Batches(50, 8, seed=3)
        batches.epoch = 5
        shares.append(list(batches))
    assert [sorted(chain(*parts)) for parts in zip(*shares, strict=True)] == expected
    assert {len(part) for parts in shares for part in parts} == {8 // world}


def test_an_epoch_shows_everybody_once_and_differs_from_the_next():
    batches = Batches(50, 8, seed=0)
    first = list(batches)
    assert len(first) == len(batches) == 6
    assert len({i for batch in first for i in batch}) == 48
    assert list(batches) == first
    batches.epoch = 1
    assert list(batches) != first
    other = Batches(50, 8, seed=1)
    assert list(other) != first


def test_sizes_that_do_not_fit_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="7 people do not fill a batch of 8"):
        Batches(7, 8, 0)
    monkeypatch.setattr(processes, "world", lambda: 3)
    with pytest.raises(ValueError, match="multiple of the 3 processes"):
        Batches(50, 8, 0)
