import asyncio
import json
import logging
import re
import threading

import pytest

from serve.http.errors import request_id
from serve.process.log_config import FORMATS
from tests.support.ramp_app import PNG, Reader, ask, serving, with_app


@pytest.fixture
def lines():
    """What the service logs, formatted as JSON."""
    records = []

    class Keep(logging.Handler):
        def emit(self, record):
            records.append(json.loads(FORMATS["json"]().format(record)))

    log, handler = logging.getLogger("serve"), Keep()
    level = log.level
    log.addHandler(handler)
    log.setLevel("INFO")
    yield records
    log.removeHandler(handler)
    log.setLevel(level)


@pytest.mark.parametrize(
    ("sent", "kept"), [("abc-1.2_3", True), ("a" * 64, True), ("a" * 65, False), ("a b", False), ("", False)]
)
def test_each_answer_and_its_line_have_one_id(spec, lines, sent, kept):
    with serving(Reader(spec)) as client:
        answer = client.post("/pose", content=PNG, headers={"X-Request-ID": sent})
    given = answer.headers["x-request-id"]
    assert given == sent if kept else re.fullmatch("[0-9a-f]{32}", given)
    [line] = [line for line in lines if line["logger"] == "serve.access"]
    assert (line["request_id"], line["method"], line["path"], line["status"]) == (given, "POST", "/pose", 200)
    assert line["ms"] > 0


def test_the_clients_words_are_not_in_the_log_or_the_numbers(spec, lines):
    with serving(Reader(spec)) as client:
        client.get("/secret-path?key=secret")
        assert "secret" not in client.get("/metrics").text
    assert "secret" not in json.dumps(lines)


def test_a_fault_is_logged_with_its_traceback_under_the_id(spec, lines):
    class Faulty(Reader):
        broken = False

        def run(self, batch):
            if self.broken:
                raise RuntimeError("the cable is loose")
            return super().run(batch)

    runtime = Faulty(spec)
    with serving(runtime) as client:
        runtime.broken = True
        answer = client.post("/pose", content=PNG)
    assert answer.status_code == 500
    [line] = [line for line in lines if line["level"] == "error"]
    assert line["request_id"] == answer.headers["x-request-id"]
    assert "the cable is loose" in line["traceback"]


def test_text_lines_have_the_id_too():
    token = request_id.set("5f1c")
    try:
        record = logging.LogRecord("serve", logging.WARNING, "", 0, "%s burns", ("paper",), None)
        assert FORMATS["text"]().format(record) == "warning: paper burns [5f1c]"
    finally:
        request_id.reset(token)


def test_a_client_that_leaves_takes_its_work_along(spec):
    class Gated(Reader):
        gate = threading.Event()

        def run(self, batch):
            assert self.gate.wait(20)
            return super().run(batch)

    runtime = Gated(spec)
    runtime.gate.set()

    async def use(app):
        runtime.batches.clear()
        runtime.gate.clear()
        stays = asyncio.create_task(ask(app, [PNG]))
        await asyncio.sleep(0.2)  # in the model
        status, _, _ = await ask(app, [PNG], timeout=0.1)
        assert status == 400
        runtime.gate.set()
        assert (await stays)[0] == 200
        assert runtime.batches == [1, 1, 1]  # the three passes of the client that stayed

    with_app(runtime, use)


def test_numbers_add_up(spec):
    with serving(Reader(spec), max_queue=4) as client:
        before = _numbers(client)
        for data in (PNG, PNG, b"GIF89a"):
            client.post("/pose", content=data)
        after = _numbers(client)
    grown = {name: after[name] - before.get(name, 0) for name in after}
    assert grown['unipose_requests_total{path="/pose",status="200"}'] == 2
    assert grown['unipose_requests_total{path="/pose",status="415"}'] == 1
    assert grown['unipose_request_seconds_count{path="/pose"}'] == 3
    assert grown['unipose_stage_seconds_count{stage="decode"}'] == 2
    assert grown['unipose_stage_seconds_count{stage="model"}'] == 6  # three passes each
    assert grown["unipose_batch_people_sum"] == 6
    assert after["unipose_queue_people"] == 0
    assert after["unipose_requests_in_flight"] == 1  # the request for the metrics


def _numbers(client):
    rows = [line.rsplit(" ", 1) for line in client.get("/metrics").text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in rows}
