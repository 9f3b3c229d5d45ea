"""Limits on request bodies, from a client that controls exactly what it sends and when."""

import asyncio

import pytest

from tests.support.ramp_app import PNG, Reader, ask, with_app


def test_a_chunked_body_is_counted_as_it_comes(spec):
    async def use(app):
        chunks = [b"\xff" * 100_000] * 100
        status, _, answer = await ask(app, chunks)
        assert status == 413
        assert "more than 431,072 bytes" in answer["detail"]
        assert len(chunks) == 95  # the fifth was too much; no further chunk was read

    with_app(Reader(spec), use)


def test_a_declared_length_is_refused_before_a_byte_is_read(spec):
    async def use(app):
        status, _, answer = await ask(app, [], [("content-length", "999999999")])
        assert (status, answer["status"]) == (413, 413)

    with_app(Reader(spec), use)


def test_a_slow_body_gets_408_and_the_connection_closed(spec):
    async def use(app):
        parts = [PNG[i : i + 100] for i in range(0, len(PNG), 100)]
        status, headers, answer = await ask(app, parts, pause=0.05)
        assert status == 408
        assert headers["connection"] == "close"
        assert "0.2 seconds" in answer["detail"]

    with_app(Reader(spec), use, body_seconds=0.2)


def test_all_bodies_together_have_a_budget_which_comes_back(spec):
    async def use(app):
        half = [PNG[: len(PNG) // 2], PNG[len(PNG) // 2 :]]
        slow = asyncio.create_task(ask(app, half, pause=0.2))
        await asyncio.sleep(0.3)  # the first half has arrived
        status, headers, _ = await ask(app, [PNG])
        assert (status, headers["retry-after"]) == (429, "1")
        assert (await slow)[0] == 200
        assert (await ask(app, [PNG]))[0] == 200

    with_app(Reader(spec), use, body_budget=len(PNG) + 10)


@pytest.mark.parametrize("path", ["/pose", "/pose/batch"])
def test_slow_bodies_take_no_place_from_quick_ones(spec, path):
    """Many more bodies arrive than images are accepted: the quick one is answered before any of them."""

    async def use(app):
        slow = [asyncio.create_task(ask(app, [PNG[:50], PNG[50:]], pause=0.5, path=path)) for _ in range(20)]
        await asyncio.sleep(0.6)
        status, _, _ = await asyncio.wait_for(ask(app, [PNG]), 10)
        assert status == 200
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)

    with_app(Reader(spec), use, max_queue=1)
