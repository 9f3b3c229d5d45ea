import time
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import nn

from unipose.modeling.pixels import InPrecision
from unipose.runtime.cuda_graph import GraphedModule, _Lane

NETWORK = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.AvgPool2d(2)).eval()
MODULE = InPrecision(NETWORK, torch.float32)


def images(count):
    return torch.randn(count, 3, 6, 10, generator=torch.Generator().manual_seed(count))


def test_any_batch_size_equals_the_module():
    graphed = GraphedModule(MODULE, torch.device("cpu"), largest=4)
    for count in (1, 2, 3, 4, 5, 9, 3):
        with torch.inference_mode():
            expected = NETWORK(images(count))
        [found] = graphed(images(count))
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_every_input_and_output_is_split_and_padded_alike():
    class Sum(nn.Module):
        def forward(self, a, b):
            return a.mean((2, 3)) + b.mean((2, 3)), a * 2

    a, b = images(5), images(5)[:, :, :4, :4] + 1
    total, double = GraphedModule(Sum(), torch.device("cpu"), largest=2)(a, b)
    torch.testing.assert_close(total, a.mean((2, 3)) + b.mean((2, 3)))
    torch.testing.assert_close(double, a * 2)


def test_threads_share_the_lanes():
    graphed = GraphedModule(MODULE, torch.device("cpu"))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda count: graphed(images(count))[0], [1, 2, 3, 5, 2, 1, 4, 3]))
    for count, maps in zip([1, 2, 3, 5, 2, 1, 4, 3], found, strict=True):
        torch.testing.assert_close(maps, graphed(images(count))[0])


def test_an_answer_is_not_overwritten_by_the_next():
    graphed = GraphedModule(MODULE, torch.device("cpu"))
    [first] = graphed(images(2))
    kept = first.clone()
    graphed(images(2) + 1)
    assert torch.equal(first, kept)


def test_one_recording_at_a_time_whoever_asks(monkeypatch):
    """Of different modules, too: on a GPU the second would end the first."""
    recording, most = [], []

    def prepare(self, size, inputs, prepare=_Lane.prepare):
        recording.append(size)
        most.append(len(recording))
        time.sleep(0.01)
        prepare(self, size, inputs)
        recording.remove(size)

    monkeypatch.setattr(_Lane, "prepare", prepare)
    modules = [GraphedModule(MODULE, torch.device("cpu")) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda module: module(images(3)), modules))
    assert most == [1] * 4
