"""The raw client of load and soak, against answers that come in pieces, late, or not to their end."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from time import sleep

import pytest

from serve.loadtest.http_client import Connection, Lost, message

ANSWER = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\ncontent-length: 4\r\n\r\nbody"


def ask(*parts, seconds=5.0, times=1):
    """What each of `times` requests on one connection is answered, where each gets these parts and then the end."""

    def answer(server):
        client, _ = server.accept()
        with client:
            for _ in range(times):
                client.recv(1000)
                for part in parts:
                    client.sendall(part)
                    sleep(0.005)

    async def use(port):
        connection = await Connection.open(port)
        try:
            return [await connection.ask(message("GET", "/"), seconds) for _ in range(times)]
        finally:
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as thread:
        thread.submit(answer, server)
        return asyncio.run(use(server.getsockname()[1]))


@pytest.mark.parametrize("size", [1, 7, 50, 1000])
def test_an_answer_may_come_in_pieces(size):
    parts = [ANSWER[i : i + size] for i in range(0, len(ANSWER), size)]
    for reply in ask(*parts, times=2):
        assert (reply.status, reply.headers["retry-after"], reply.body) == (503, "1", b"body")


@pytest.mark.parametrize("heard", [0, 5, len(ANSWER) - 1])
def test_half_an_answer_is_lost(heard):
    with pytest.raises(Lost) as lost:
        ask(ANSWER[:heard])
    assert lost.value.heard == heard


def test_patience_ends():
    with pytest.raises(TimeoutError):
        ask(ANSWER[:10], *[b""] * 50, seconds=0.1)


def test_a_message_says_its_length_unless_it_is_chunked():
    assert message("POST", "/pose", b"1234", {"A": "b"}) == (
        b"POST /pose HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\nA: b\r\n\r\n1234"
    )
    assert b"Content-Length" not in message("POST", "/", headers={"Transfer-Encoding": "chunked"})
    assert b"Content-Length: 9\r\n" in message("POST", "/", headers={"Content-Length": "9"})
