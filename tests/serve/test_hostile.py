"""Hostile and unusual inputs against a service process: each gets a documented response, and none does harm."""

import json
import re
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from time import monotonic, sleep

import pytest

from tests.support import hostile_bodies as bodies
from tests.support import hostile_http as http
from tests.support import hostile_images as images
from tests.support import hostile_requests as requests
from tests.support.bright_service import SPOT, WHOLE, photo
from tests.support.hostile_service import CONNECTIONS, ROOM, watched
from tests.support.wire import LAST_CHUNK, connect, exchange, exchange_frames, frame, handshake, head, never, request

LAST = b"\r\n" + LAST_CHUNK
# Responses that belong to no operation in OpenAPI, and where they come from.
OTHER_RESPONSES = {
    (404, "problem+json"): "the application, where there is no such address",
    (405, "problem+json"): "the application, where the address takes other methods",
    (400, "Invalid HTTP request received."): "the HTTP server: this is no HTTP",
    (400, "A request's head may have"): "the HTTP server: its head is too long",
    (400, "This WebSocket handshake cannot be read."): "the HTTP server",
    (400, "Failed to open a WebSocket connection"): "the WebSocket library: a handshake lacks something",
    (405, "Failed to open a WebSocket connection"): "the WebSocket library: it is no GET",
    (426, "Failed to open a WebSocket connection"): "the WebSocket library: another version or protocol",
    (503, "Service Unavailable"): "the HTTP server: more connections than may be",
    (403, ""): "the application closes a stream before it is open; ASGI has no other status for it",
    (400, "Malformed range header."): "the server of the page's files",
    (400, "Range header: range must be requested"): "the server of the page's files",
    (416, ""): "the server of the page's files",
}


@pytest.fixture(scope="module")
def service(bright_model, tmp_path_factory):
    with watched(tmp_path_factory.mktemp("hostile"), "--model", str(bright_model), *WHOLE) as service:
        yield service


@pytest.fixture(scope="module")
def documented(service):
    """The statuses of each operation."""
    paths = json.loads(service.get(b"/openapi.json").body)["paths"]
    return {
        f"{method.upper()} {path}": {int(status) for status in operation["responses"]}
        for path, operations in paths.items()
        for method, operation in operations.items()
    }


def assert_right(answer):
    assert answer.status == 200, answer.body
    for keypoint in answer.json()["poses"][0]["keypoints"]:
        assert (keypoint["x"], keypoint["y"]) == pytest.approx(SPOT, abs=0.8)


def assert_sound(answer, sent, documented):
    """It is documented for this operation, or in `OTHER_RESPONSES`; a problem has all of its fields."""
    line = re.match(rb"\s*(\w*) (?:http://[^/]*)?([^\s?]*)", b"".join([sent] if isinstance(sent, bytes) else sent))
    method, path = (word.decode(errors="replace") for word in line.groups()) if line else ("", "")
    kind = answer.headers.get("content-type", "")
    if answer.status in documented.get(f"{method} {path}", ()) or (answer.status < 400 and path.startswith("/page/")):
        assert answer.headers["x-request-id"]
    else:
        content = kind.removeprefix("application/") if "problem" in kind else answer.body.decode()
        assert any(answer.status == status and content.startswith(words) for status, words in OTHER_RESPONSES), content
    if kind == "application/problem+json" and method != "HEAD":
        about = answer.json()
        assert about.keys() == {"type", "title", "status", "detail", "request_id"}
        assert (about["status"], about["request_id"]) == (answer.status, answer.headers["x-request-id"])
        assert about["detail"]


def cases():
    """(category, name, bytes to send, acceptable statuses)."""
    kinds = ("JPEG", "PNG", "WEBP", "TIFF")
    files = [
        ("truncated", (422,), chain.from_iterable(map(images.truncated, kinds))),
        ("bits flipped", (200, 413, 415, 422), chain.from_iterable(map(images.flipped, kinds))),
        ("odd images", (200,), images.odd()),
        ("heavy images", (200,), images.heavy()),
        ("unreadable", (422,), images.unreadable()),
        ("no images", (415,), images.other_files()),
        ("bombs", (413,), images.bombs()),
    ]
    for category, statuses, some in files:
        for name, data in some:
            yield category, name, request(b"POST /pose", data), statuses
    yield "no images", "nothing", request(b"POST /pose"), (422,)
    makers = [requests.boxes, requests.queries, requests.forms, requests.batches, bodies.bodies]
    for make in (*makers, http.http, http.addresses, http.handshakes):
        for name, sent, statuses in make():
            yield make.__name__, name, sent, statuses


def rows(some):
    some = list(some)
    return {"argvalues": some, "ids": [row[-3] if len(row) > 2 else row[0] for row in some]}


@pytest.mark.parametrize(("category", "name", "sent", "statuses"), **rows(cases()))
def test_an_answer_that_is_documented(service, documented, category, name, sent, statuses):
    received = exchange(service.port, sent)
    assert received.responses, name
    answer = received.responses[-1]
    service.tally[category].append(str(answer.status))
    assert answer.status in statuses, answer.body
    assert_sound(answer, sent, documented)


@pytest.mark.parametrize(("name", "data"), **rows(images.upright()))
def test_the_photo_is_found_upright(service, name, data):
    answer = exchange(service.port, request(b"POST /pose", data)).responses[0]
    service.tally["upright"].append(str(answer.status))
    assert_right(answer)


@pytest.mark.parametrize(("name", "sent", "outcome"), **rows(http.messages()))
def test_a_stream_ends_or_tells_the_problem(service, name, sent, outcome):
    received = exchange_frames(service.port, sent)
    assert received.responses[0].status == 101
    kind, content = received.frames[0]
    about = {} if kind == 8 else json.loads(content)["error"]
    found = int.from_bytes(content[:2]) if kind == 8 else str(about["status"])
    service.tally["messages"].append(str(found))
    assert found == outcome
    assert kind == 8 or about["request_id"]


@pytest.mark.parametrize(("name", "data"), **rows(bodies.videos()))
def test_a_video_is_answered_or_refused(service, documented, name, data):
    """All lines are JSON, and an error is the last of them."""
    sent = request(b"POST /video", data)
    received = exchange(service.port, sent, lambda got: got.raw.endswith((b"}", LAST)), timeout=20)
    answer = received.responses[0]
    service.tally["videos"].append(str(answer.status))
    assert answer.status in ((200,) if name in bodies.KINDS else (200, 413, 415, 422)), answer.body
    assert_sound(answer, sent, documented)
    if answer.status == 200:
        lines = [json.loads(line) for line in received.raw.split(b"\r\n") if line.startswith(b"{")]
        assert received.raw.endswith(LAST)
        assert not [line for line in lines[:-1] if "error" in line]
        assert name not in bodies.KINDS or len(lines) == 8


def drip(data, times):
    return [data[i : i + 1] for i in range(times)]


def test_the_slow_are_ended_and_the_quick_are_answered(service):
    """30 clients send their heads or bodies byte by byte, or nothing, while an ordinary client sends requests."""
    body = head(b"POST /pose", b"Content-Length: 5000")
    slow = [drip(head(b"GET /healthz", b"X: " + b"a" * 100), 60), [body, *drip(bytes(60), 60)], [b""]] * 10
    with ThreadPoolExecutor(30) as pool:
        futures = [pool.submit(exchange, service.port, parts, never, 20, 0.1) for parts in slow]
        times = []
        while not all(one.done() for one in futures):
            began = monotonic()
            assert_right(exchange(service.port, request(b"POST /pose", photo())).responses[0])
            times.append(monotonic() - began)
            sleep(0.1)
    assert len(times) > 5
    assert max(times) < 3
    for future, parts in zip(futures, slow, strict=True):
        received = future.result()
        assert received.closed
        if parts[0] == body:
            assert [response.status for response in received.responses] == [408]
            assert received.responses[0].headers["connection"] == "close"
        else:
            assert received.responses == []
        service.tally["slow"].append("408" if received.responses else "closed")


def test_many_heavy_ones_at_once(service):
    data = [request(b"POST /pose", data) for _, data in images.heavy()] * 6
    with ThreadPoolExecutor(18) as pool:
        exchanges = pool.map(lambda sent: exchange(service.port, sent, timeout=30), data)
        statuses = [one.responses[0].status for one in exchanges]
    service.tally["at once"] += map(str, statuses)
    assert set(statuses) <= {200, 429}
    assert statuses.count(200) > 10


def test_more_connections_than_may_be_are_told_to_come_again(service, documented):
    idle = [connect(service.port) for _ in range(CONNECTIONS)]
    received = exchange(service.port, head(b"GET /models"))
    assert_sound(received.responses[0], head(b"GET /models"), documented)
    service.tally["many"].append(str(received.responses[0].status))
    for client in idle:
        client.close()
    sleep(0.3)
    assert service.get(b"/models").status == 200


@pytest.mark.parametrize("sent", [b"", b"GET /heal", head(b"POST /pose", b"Content-Length: 99") + b"abc", handshake()])
@pytest.mark.parametrize("reset", [False, True])
def test_who_leaves_in_the_middle_leaves_nothing(service, sent, reset):
    for _ in range(5):
        with connect(service.port) as client:
            client.sendall(sent)
            if reset:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        service.tally["left"].append("closed")


def test_after_all_of_it_the_service_is_as_before(service):
    sleep(0.3)
    assert_right(exchange(service.port, request(b"POST /pose", photo())).responses[0])
    assert service.get(b"/readyz").status == 200
    numbers = service.get(b"/metrics").body.decode()
    assert re.search(r"^unipose_requests_in_flight 1\.0$", numbers, re.MULTILINE)
    assert re.search(r"^unipose_queue_people 0\.0$", numbers, re.MULTILINE)
    received = exchange_frames(service.port, frame(2, photo()))
    assert json.loads(received.frames[0][1])["frame"] == 0
    assert service.peak < service.idle + ROOM, service.table()
    log = service.log.read_text()
    for word in ("Traceback", "Warning", "error: ", "Exception"):
        assert word not in log, [line for line in log.splitlines() if word in line][:5]
    assert all(line.isprintable() for line in log.splitlines())


def test_the_service_as_it_comes_is_unharmed_by_all_image_files(tmp_path):
    """With its own model and finder: each file gets the status it gets from any model, within the same bound."""
    files = [
        ((200, 413, 415, 422), chain.from_iterable(map(images.flipped, ("JPEG", "PNG")))),
        ((200,), chain(images.odd(), images.heavy())),
        ((422,), images.unreadable()),
        ((415,), images.other_files()),
        ((413,), images.bombs()),
    ]
    with watched(tmp_path) as service:
        for statuses, some in files:
            for name, data in some:
                answer = exchange(service.port, request(b"POST /pose", data), timeout=30).responses[0]
                service.tally["as it comes"].append(str(answer.status))
                assert answer.status in statuses, (name, answer.body)
        assert service.tally["as it comes"].count("200") > 20
        assert service.peak < service.idle + ROOM, service.table()
        assert "Traceback" not in service.log.read_text()
