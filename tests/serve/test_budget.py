import asyncio

import pytest

from serve.budget import Budget


def test_take_and_give():
    budget = Budget(5)
    assert budget.take(3) and budget.take(2)
    assert not budget.take(1)
    budget.give(3)
    assert budget.free == 3


def test_holders_wait_first_come_first_served_and_a_small_one_overtakes_no_large_one():
    async def main():
        budget, order = Budget(10), []

        async def hold(part, name):
            async with budget.hold(part):
                order.append(name)
                await asyncio.sleep(0)

        async with budget.hold(6):
            tasks = [asyncio.create_task(hold(part, name)) for part, name in ((8, "large"), (1, "small"), (4, "last"))]
            await asyncio.sleep(0.01)
            assert order == []  # the small one would fit, but the large one was here before
        await asyncio.gather(*tasks)
        assert order == ["large", "small", "last"]
        assert budget.free == 10

    asyncio.run(main())


def test_more_than_the_whole_asks_for_the_whole():
    async def main():
        budget = Budget(10)
        async with budget.hold(99):
            assert budget.free == 0
        assert budget.free == 10

    asyncio.run(main())


@pytest.mark.parametrize("granted", [False, True], ids=["while waiting", "in the moment it is granted"])
def test_one_that_leaves_takes_nothing_with_it(granted):
    async def main():
        budget, after = Budget(10), asyncio.Event()

        async def hold(part):
            async with budget.hold(part):
                after.set()

        async with budget.hold(10):
            leaves, stays = asyncio.create_task(hold(9)), asyncio.create_task(hold(2))
            await asyncio.sleep(0.01)
            if not granted:
                leaves.cancel()
        leaves.cancel()
        await asyncio.wait_for(stays, 5)
        assert after.is_set()
        assert budget.free == 10

    asyncio.run(main())
