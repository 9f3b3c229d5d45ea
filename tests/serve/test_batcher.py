import asyncio
import threading

import numpy as np
import pytest

from serve.batcher import Batcher
from serve.metrics import Metrics
from unipose.core.heatmap import Peaks


class Gated:
    """Doubles its inputs, waits while the gate is closed, and raises ValueError for negative inputs."""

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.batches = []

    def find(self, batch):
        assert self.gate.wait(20)
        self.batches.append(batch.ravel().tolist())
        if (batch < 0).any():
            raise ValueError("negative")
        return Peaks(2 * batch.reshape(-1, 1, 1), batch.reshape(-1, 1))


def people(*values):
    return np.array(values).reshape(-1, 1, 1, 1)


def drive(use, max_batch=4, max_wait=0.0, runtime=None, threads=1):
    """Run `use(batcher, runtime)` in a loop -> what it returns, and the batches that were run."""
    runtime = runtime or Gated()

    async def main():
        batcher = Batcher(runtime.find, threads, max_batch, max_wait, Metrics())
        batcher.start()
        try:
            return await asyncio.wait_for(use(batcher, runtime), 20)
        finally:
            runtime.gate.set()
            batcher.close()

    return asyncio.run(main()), runtime.batches


async def while_busy(batcher, runtime):
    """Occupy the model with person 0, so that all later ones must wait."""
    runtime.gate.clear()
    first = asyncio.create_task(batcher.run(people(0)))
    await asyncio.sleep(0.02)
    return first


def test_requests_that_wait_share_batches_and_get_their_own_keypoints():
    async def use(batcher, runtime):
        first = await while_busy(batcher, runtime)
        tasks = [asyncio.create_task(batcher.run(people(*values))) for values in ((1, 2, 3), (4, 5), (6,))]
        await asyncio.sleep(0.02)
        runtime.gate.set()
        await first
        return [peaks.xy_heatmap.ravel().tolist() for peaks in await asyncio.gather(*tasks)]

    found, batches = drive(use)
    assert found == [[2, 4, 6], [8, 10], [12]]
    assert batches == [[0], [1, 2, 3, 4], [5, 6]]


@pytest.mark.parametrize(("max_wait", "batches"), [(0.0, [[1], [2]]), (20.0, [[1, 2]])])
def test_an_idle_model_waits_for_images_in_preparation_and_no_longer(max_wait, batches):
    async def use(batcher, runtime):
        with batcher.preparing():
            one = asyncio.create_task(batcher.run(people(1)))
            await asyncio.sleep(0.05)
            two = asyncio.create_task(batcher.run(people(2)))
            await asyncio.sleep(0.05)
        await asyncio.gather(one, two)

    assert drive(use, max_wait=max_wait)[1] == batches


def test_a_full_batch_does_not_wait():
    async def use(batcher, runtime):
        with batcher.preparing():
            await batcher.run(people(1, 2, 3, 4))

    assert drive(use, max_wait=20.0)[1] == [[1, 2, 3, 4]]


def test_a_request_that_left_is_not_run():
    async def use(batcher, runtime):
        first = await while_busy(batcher, runtime)
        leaves = asyncio.create_task(batcher.run(people(1, 2)))
        stays = asyncio.create_task(batcher.run(people(3)))
        await asyncio.sleep(0.02)
        leaves.cancel()
        await asyncio.sleep(0)
        runtime.gate.set()
        await asyncio.gather(first, stays)
        with pytest.raises(asyncio.CancelledError):
            await leaves

    assert drive(use)[1] == [[0], [3]]


def test_one_that_the_model_refuses_fails_alone():
    async def use(batcher, runtime):
        first = await while_busy(batcher, runtime)
        tasks = [asyncio.create_task(batcher.run(people(value))) for value in (1, -1, 2)]
        await asyncio.sleep(0.02)
        runtime.gate.set()
        await first
        return await asyncio.gather(*tasks, return_exceptions=True)

    (one, refused, two), batches = drive(use)
    assert (one.xy_heatmap.item(), two.xy_heatmap.item()) == (2, 4)
    assert isinstance(refused, ValueError)
    assert batches == [[0], [1, -1, 2], [1], [-1], [2]]


def test_calls_of_the_model_work_at_the_same_time():
    class Two(Gated):
        both = threading.Barrier(2)

        def find(self, batch):
            self.both.wait(20)  # breaks unless two calls are under way
            return super().find(batch)

    async def use(batcher, runtime):
        return await asyncio.gather(batcher.run(people(1)), batcher.run(people(2)))

    found, _ = drive(use, max_batch=1, runtime=Two(), threads=2)
    assert [peaks.xy_heatmap.item() for peaks in found] == [2, 4]


def test_a_request_of_more_than_a_batch_is_shared_by_the_threads_and_comes_back_in_order():
    class Pairs(Gated):
        both = threading.Barrier(2)

        def find(self, batch):
            self.both.wait(20)
            return super().find(batch)

    async def use(batcher, runtime):
        return (await batcher.run(people(*range(8)))).xy_heatmap.ravel().tolist()

    found, batches = drive(use, max_batch=2, runtime=Pairs(), threads=2)
    assert found == [0, 2, 4, 6, 8, 10, 12, 14]
    assert sorted(batches) == [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_closing_while_idle_ends_the_threads():
    async def use(batcher, runtime):
        await batcher.run(people(1))

    drive(use)
    assert not [thread for thread in threading.enumerate() if thread.name == "model"]
