"""The service as a separate process, over loopback, with a generated model."""

import socket
from itertools import repeat

import httpx2 as httpx
import pytest

from tests.support.bright_service import SPOT, WHOLE, photo, running, start


def talk(port, head, body=()):
    """Everything that a raw client receives until the connection closes; it closes its own sending side first."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"POST /pose HTTP/1.1\r\nHost: test\r\n" + head + b"\r\n\r\n")
        for part in body:
            client.sendall(part)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b"")).decode()


def test_a_process_answers_refuses_and_stops(bright_model):
    with running(bright_model, *WHOLE, "--max-bytes", "200000") as (_, port):
        url = f"http://127.0.0.1:{port}"
        boxes = "[[20, 10, 190, 140], [60, 0, 180, 110]]"
        answer = httpx.post(f"{url}/pose", files={"image": photo()}, data={"boxes": boxes})
        assert answer.status_code == 200, answer.text
        assert answer.json()["model"] == {"name": "bright", "skeleton": "lsp14", "version": "7"}
        for pose in answer.json()["poses"]:
            for keypoint in pose["keypoints"]:
                assert (keypoint["x"], keypoint["y"]) == pytest.approx(SPOT, abs=0.3)
        [pose] = httpx.post(f"{url}/pose", content=photo()).json()["poses"]
        assert (pose["keypoints"][5]["x"], pose["keypoints"][5]["y"]) == pytest.approx(SPOT, abs=0.6)
        assert httpx.get(f"{url}/readyz").status_code == 200

        declared = talk(port, b"Content-Length: 400000000")
        assert declared.startswith("HTTP/1.1 413")
        assert "application/problem+json" in declared
        chunk = b"2710\r\n" + bytes(10_000) + b"\r\n"
        chunked = talk(port, b"Transfer-Encoding: chunked", repeat(chunk, 40))
        assert chunked.startswith("HTTP/1.1 413")
        assert "more than 331,072 bytes" in chunked
        talk(port, b"Content-Length: 5000", [photo()[:100]])  # declares more than it sends, and disconnects
        talk(port, b"Content-Length: 5", [photo()])  # sends more than it declares
        assert httpx.get(f"{url}/healthz").status_code == 200


def finish(process):
    with process:
        _, errors = process.communicate(timeout=20)
    return process.returncode, errors


def test_a_taken_port_is_one_line(bright_model):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, errors = finish(start(bright_model, "--port", str(port)))
    assert code == 1
    where = f"cannot listen on 127.0.0.1, port {port}: Address already in use"
    assert errors == f"error: {where}; try another: --port {int(port) + 1}, or make serve PORT={int(port) + 1}\n"


def test_a_missing_model_is_one_line(bright_model):
    code, errors = finish(start(bright_model.with_name("other.onnx"), "--port", "0"))
    assert code == 2
    assert errors == f"error: no model file {bright_model.with_name('other.onnx')}\n"
