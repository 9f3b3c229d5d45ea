"""Signals under load: every accepted request is answered, and the service stops in time."""

import asyncio
import json
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from serve.loadtest.http_client import Connection, ConnectionLost, Response, encode_request
from serve.loadtest.service_process import running
from tests.support.bright_service import SIZE, photo

TIMEOUT = 30
GRACE = 1  # seconds beyond `stop_seconds` for unfinished requests
MARGIN = 5  # for one run of the model, and a busy machine
TARGET = f"/pose?boxes=%5B%5B0,0,{SIZE[0]},{SIZE[1]}%5D%5D"


@pytest.fixture(scope="module")
def slow(bright_model, tmp_path_factory):
    """`bright_model` with 5 GMAC more, which do not change its heatmaps."""
    path = tmp_path_factory.mktemp("slow") / "slow.onnx"
    file = onnx.load(bright_model)
    file.graph.node[-1].output[0] = "quick"
    file.graph.initializer.extend(
        numpy_helper.from_array(np.array(shape), name)
        for name, shape in {"few": (128, 3, 7, 7), "many": (128, 128, 7, 7)}.items()
    )
    file.graph.node.extend(
        [
            helper.make_node("ConstantOfShape", ["few"], ["first"]),
            helper.make_node("ConstantOfShape", ["many"], ["second"]),
            helper.make_node("Conv", ["input", "first"], ["wide"], pads=[3] * 4),
            helper.make_node("Conv", ["wide", "second"], ["zeros"], pads=[3] * 4),
            helper.make_node("ReduceMax", ["zeros"], ["zero"], axes=[1, 2, 3]),
            helper.make_node("Add", ["quick", "zero"], ["maps"]),
        ]
    )
    onnx.save(file, path)
    return path


@dataclass
class Flood:
    """Clients whose requests have ids: the responses by id, and of those that were lost the bytes received."""

    port: int
    responses: dict[str, Response] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    stopping: bool = False

    async def send(self, request_id, connection):
        request = encode_request("POST", TARGET, photo(), {"X-Request-ID": request_id})
        try:
            self.responses[request_id] = await connection.request(request, TIMEOUT)
        except ConnectionLost as error:
            self.lost[request_id] = error.received

    async def send_once(self, name):
        connection = await Connection.open(self.port)
        await self.send(name, connection)
        connection.close()

    async def send_repeatedly(self, name):
        """Without a pause, until the service no longer listens or `stopping` is set."""
        number, connection = 0, None
        while not self.stopping:
            try:
                if connection is None or connection.closed:
                    connection = await Connection.open(self.port)
            except OSError:
                return
            await self.send(f"{name}-{number}", connection)
            number += 1
        connection.close()

    def statuses(self):
        return {response.status for response in self.responses.values()}

    def assert_none_is_lost(self, process):
        """Every logged request got its response, and no lost request was logged."""
        logged = {}
        for line in map(json.loads, process.log.read_text().splitlines()):
            assert "traceback" not in line, line
            if line["logger"] == "serve.access":
                logged[line["request_id"]] = line["status"]
        assert logged == {request_id: response.status for request_id, response in self.responses.items()}
        assert set(self.lost.values()) <= {0}, "half an answer"
        assert self.statuses() <= {200, 503}
        refused = [response for response in self.responses.values() if response.status == 503]
        assert all("retry-after" in response.headers for response in refused)


def serving(model, *options):
    return running(["--model", str(model), "--threads", "1", "--log-format", "json", *options])


async def stop(process):
    """The exit status, in time."""
    began = monotonic()
    code = await asyncio.to_thread(process.stop)
    assert monotonic() - began < process.settings.stop_seconds + GRACE + MARGIN
    return code


def children(pid):
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def workers(process):
    """The child processes that serve."""
    lines = {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in children(process.pid)}
    return {pid for pid, line in lines.items() if "spawn_main" in line}


async def started(process, count):
    """Waits until this many workers, including those that died, have loaded their model."""
    async with asyncio.timeout(TIMEOUT):
        while process.log.read_text().count("Application startup complete") < count:
            await asyncio.sleep(0.05)


def test_no_accepted_request_is_lost_when_it_is_stopped_under_load(bright_model):
    async def use(process):
        flood = Flood(process.port)
        clients = [asyncio.create_task(flood.send_repeatedly(f"client{i}")) for i in range(16)]
        await asyncio.sleep(1)
        assert await stop(process) == 0
        await asyncio.gather(*clients)
        flood.assert_none_is_lost(process)
        assert 200 in flood.statuses()

    with serving(bright_model) as process:
        asyncio.run(use(process))


def test_what_is_not_ready_within_the_stop_is_told_so(slow):
    async def use(process):
        flood = Flood(process.port)
        clients = [asyncio.create_task(flood.send_once(f"client{i}")) for i in range(128)]
        await asyncio.sleep(0.5)
        assert await stop(process) == 0
        await asyncio.gather(*clients)
        flood.assert_none_is_lost(process)
        assert len(flood.responses) == 128
        assert 503 in flood.statuses()

    with serving(slow, "--stop-seconds", "0.2", "--max-batch", "2") as process:
        asyncio.run(use(process))


def test_a_worker_that_dies_is_replaced_under_load(bright_model):
    async def use(process):
        flood = Flood(process.port)
        clients = [asyncio.create_task(flood.send_repeatedly(f"client{i}")) for i in range(8)]
        await started(process, 2)
        first, second = workers(process)
        os.kill(first, signal.SIGKILL)
        await started(process, 3)
        assert len(workers(process) - {first, second}) == 1
        os.kill(second, signal.SIGKILL)
        answered = len(flood.responses)
        async with asyncio.timeout(TIMEOUT):
            while len(flood.responses) < answered + 20:  # all by the third worker
                await asyncio.sleep(0.05)
        assert await stop(process) == 0
        await asyncio.gather(*clients)
        assert flood.statuses() <= {200, 503}

    with serving(bright_model, "--workers", "2") as process:
        asyncio.run(use(process))


def test_a_stop_that_is_told_twice_at_once_is_one(slow):
    """A terminal's Ctrl+C and systemd signal every process, and the supervisor signals its workers again."""

    async def use(process):
        flood = Flood(process.port)
        clients = [asyncio.create_task(flood.send_once(f"client{i}")) for i in range(16)]
        await asyncio.sleep(0.3)
        os.kill(process.pid, signal.SIGINT)  # with which the SIGTERM of `stop` does not become one
        assert await stop(process) == 0
        await asyncio.gather(*clients)
        flood.assert_none_is_lost(process)
        assert flood.statuses() == {200}

    with serving(slow, "--max-batch", "2", "--stop-seconds", "25", "--deadline-seconds", "25") as process:
        asyncio.run(use(process))
