"""Limits on the memory and time that one connection can take: raw clients against a service process."""

import json
import re
import socket
import struct
import zlib
from itertools import repeat
from time import monotonic, sleep

import pytest

from tests.support.bright_service import WHOLE, photo, running
from tests.support.wire import (
    LAST_CHUNK,
    chunked,
    connect,
    exchange,
    exchange_frames,
    frame,
    handshake,
    has_frame,
    has_response,
    head,
    never,
    request,
)

HEALTH = head(b"GET /healthz")


@pytest.fixture(scope="module")
def port(bright_model):
    limits = ["--header-seconds", "1", "--body-seconds", "3", "--max-bytes", "200000", "--log-level", "warning"]
    with running(bright_model, *WHOLE, *limits) as (_, port):
        yield port


@pytest.mark.parametrize(
    "parts",
    [
        [b"GET /healthz HTTP/1.1\r\nX: ", *repeat(b"a" * 65536, 160)],
        [b"GET /", *repeat(b"a" * 65536, 160)],
        [b"GET /healthz HTTP/1.1\r\n", *repeat(b"a: b\r\n" * 10_000, 20)],
        [head(b"POST /pose", b"Transfer-Encoding: chunked"), b"0\r\nX: ", *repeat(b"a" * 65536, 160)],
        [head(b"POST /pose", b"Transfer-Encoding: chunked"), b"1;x=", *repeat(b"a" * 65536, 160)],
    ],
    ids=["header", "address", "headers", "trailer", "chunk extension"],
)
def test_what_is_no_body_has_a_length(port, parts):
    received = exchange(port, parts, never)
    assert received.closed
    assert received.seconds < 0.9  # before any timeout
    # The response may be lost if we are still sending.
    assert [response.status for response in received.responses] in ([400], [])


def test_a_long_body_and_head_are_no_long_head(port):
    kilobytes = [b"X: " + b"a" * 30_000, b"Content-Type: image/png"]
    assert exchange(port, request(b"POST /pose", photo(), *kilobytes)).responses[0].status == 200
    coded = head(b"POST /pose", b"Transfer-Encoding: chunked") + chunked(photo() + bytes(100_000), 7)
    assert exchange(port, coded).responses[0].status == 200


def test_pipelined_requests_are_answered_in_order(port):
    wrong = head(b"GET /nothing")
    received = exchange(port, (HEALTH + wrong) * 4 + HEALTH, lambda received: len(received.responses) == 9)
    assert [response.status for response in received.responses] == [200, 404] * 4 + [200]


def test_a_pipelined_body_may_take_its_time(port):
    data = photo()
    parts = [HEALTH + head(b"POST /pose", b"Content-Length: %d" % len(data)), data[:50], data[50:100], data[100:]]
    received = exchange(port, parts, lambda received: len(received.responses) == 2, pause=0.7)
    assert [response.status for response in received.responses] == [200, 200]


def test_an_answer_on_its_way_is_dropped_when_the_connection_ends(port):
    """Each of these once met a closed connection. The fixture checks at the end that no traceback was logged."""
    for follows in (b"", HEALTH, HEALTH * 30, b"nonsense\r\n\r\n", HEALTH + b"nonsense\r\n\r\n"):
        for _ in range(5):
            with connect(port) as client:
                client.sendall(request(b"POST /pose", photo()) + follows)
    sleep(0.3)


def test_many_pipelined_requests_are_refused(port):
    received = exchange(port, [HEALTH * 10_000], never)
    assert received.closed
    assert len(received.responses) < 100


@pytest.mark.parametrize(
    "headers",
    [[b"X: " + b"a" * 20_000], [b"X: 1"] * 200, [b"Content-Length: 4"], [b"Transfer-Encoding: chunked"]],
    ids=["long header", "many headers", "body", "chunked body"],
)
def test_a_handshake_that_cannot_be_read_is_refused(port, headers):
    received = exchange(port, [handshake(*headers), b"abcd" + LAST_CHUNK], never, timeout=5)
    assert received.closed
    assert [response.status for response in received.responses] == [400]


def in_flight(port):
    response = exchange(port, head(b"GET /metrics")).responses[0]
    return float(re.search(rb"^unipose_requests_in_flight (\S+)", response.body, re.MULTILINE)[1])


def slow_reader(port):
    """A client with a tiny receive buffer, which it does not read."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    client.settimeout(10)
    client.connect(("127.0.0.1", port))
    return client


def ends(client, seconds):
    """Whether the service closes the connection in time: a client that does not read notices when it sends."""
    end = monotonic() + seconds
    try:
        while monotonic() < end:
            client.send(b"\r\n")
            sleep(0.1)
    except OSError:
        return True
    return False


def test_who_takes_no_answers_is_given_up(port):
    with slow_reader(port) as client:
        for _ in range(200):  # until all buffers in between are full
            client.sendall(head(b"GET /openapi.json") * 8)
            sleep(0.02)
            if in_flight(port) == in_flight(port) == 2:
                break
        assert in_flight(port) == 2
        assert ends(client, 8)
    assert in_flight(port) == 1


def test_who_pings_and_takes_no_pongs_is_given_up(port):
    with slow_reader(port) as client:
        client.sendall(handshake())
        with pytest.raises(ConnectionError):
            client.sendall(frame(9, b"a" * 125) * 200_000)


def test_a_stream_may_end_in_the_middle_of_an_answer(port):
    """Each of these once met a response being sent. The fixture checks at the end that no traceback was logged."""
    for last in (b"\xff" * 10, frame(1, b"text"), frame(8, b""), b""):
        for _ in range(10):
            with connect(port) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # ends at once
                client.sendall(handshake())
                client.recv(1000)
                client.sendall(frame(2, photo()) + last)
                sleep(0.005)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(1, b"hello"), 1003),
        (frame(1, b"\xff\xfe"), 1003),
        (frame(1, b"\xff", last=False) + frame(0, b"\xfe"), 1003),
        (frame(2, bytes(200_001)), 1009),
        (frame(2, bytes(150_000), last=False) + frame(0, bytes(150_000)), 1009),
        (frame(2, b"", length=2**63), 1009),
        (frame(2, b"", last=False) + frame(0, b"", last=False) * 50_000, 1009),
    ],
    ids=["text", "text that is no UTF-8", "in parts", "large", "large in parts", "claims 2^63", "50,000 parts"],
)
def test_messages_that_are_no_frames_end_a_stream(port, sent, code):
    received = exchange_frames(port, sent)
    kind, content = received.frames[0]
    assert (kind, int.from_bytes(content[:2])) == (8, code)


def test_a_packed_message_is_refused_and_not_unpacked(port):
    packer = zlib.compressobj(9, zlib.DEFLATED, -12)
    packed = packer.compress(bytes(100_000_000)) + packer.flush(zlib.Z_SYNC_FLUSH)
    bomb = bytes([0xC2]) + frame(2, packed[:-4])[1:]  # the bit that says it is packed
    hello = handshake(b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=12")
    received = exchange(port, [hello, None, bomb], has_frame)
    kind, content = received.frames[0]
    assert (kind, int.from_bytes(content[:2])) == (8, 1002)


def test_a_frame_may_come_in_parts(port):
    data = photo()
    parts = frame(2, data[:100], last=False) + frame(9, b"ping") + frame(0, data[100:])
    received = exchange_frames(port, parts, lambda received: len(received.frames) == 2)
    (pong, content), (text, answer) = received.frames
    assert (pong, content, text) == (10, b"ping", 1)
    assert json.loads(answer)["poses"]


def test_idle_connections_end_and_nothing_is_left(port):
    idle = [connect(port) for _ in range(30)]
    assert has_response(exchange(port, HEALTH))
    sleep(1.5)
    for client in idle:
        assert client.recv(1) == b""
        client.close()
