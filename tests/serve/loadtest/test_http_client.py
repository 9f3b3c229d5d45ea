"""The raw client of the load tests: responses in pieces, late, or cut off."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from time import sleep

import pytest

from serve.loadtest.http_client import Connection, ConnectionLost, encode_request

RESPONSE = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\ncontent-length: 4\r\n\r\nbody"


def exchange(*parts, seconds=5.0, times=1):
    """The responses to `times` requests on one connection: each is sent in these parts; then the connection closes."""

    def respond(server):
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
            return [await connection.request(encode_request("GET", "/"), seconds) for _ in range(times)]
        finally:
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as thread:
        thread.submit(respond, server)
        return asyncio.run(use(server.getsockname()[1]))


@pytest.mark.parametrize("size", [1, 7, 50, 1000])
def test_an_answer_may_come_in_pieces(size):
    parts = [RESPONSE[i : i + size] for i in range(0, len(RESPONSE), size)]
    for response in exchange(*parts, times=2):
        assert (response.status, response.headers["retry-after"], response.body) == (503, "1", b"body")


@pytest.mark.parametrize("received", [0, 5, len(RESPONSE) - 1])
def test_half_an_answer_is_lost(received):
    with pytest.raises(ConnectionLost) as lost:
        exchange(RESPONSE[:received])
    assert lost.value.received == received


def test_a_late_response_is_a_timeout():
    with pytest.raises(TimeoutError):
        exchange(RESPONSE[:10], *[b""] * 50, seconds=0.1)


def test_a_request_says_its_length_unless_it_is_chunked():
    assert encode_request("POST", "/pose", b"1234", {"A": "b"}) == (
        b"POST /pose HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\nA: b\r\n\r\n1234"
    )
    assert b"Content-Length" not in encode_request("POST", "/", headers={"Transfer-Encoding": "chunked"})
    assert b"Content-Length: 9\r\n" in encode_request("POST", "/", headers={"Content-Length": "9"})
