"""The service as a process of its own, over loopback, with a model made here."""

import io
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from itertools import repeat

import httpx2 as httpx
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from unipose.skeleton import SKELETONS
from unipose.spec import METADATA_KEY, ModelSpec

SIZE, SPOT, RADIUS = (200, 150), (121.0, 48.5), 9.0


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """An ONNX file that finds every joint at the brightest spot: average over the stride, then 0..1."""
    spec = ModelSpec("bright", "7", SKELETONS["lsp14"], (64, 96), 4, 1.5, 1.25, (0.5,) * 3, (0.5,) * 3)
    weight = numpy_helper.from_array(np.full((14, 3, 1, 1), 1 / 6, np.float32), "weight")
    bias = numpy_helper.from_array(np.full(14, 0.5, np.float32), "bias")
    nodes = [
        helper.make_node("AveragePool", ["input"], ["cells"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Conv", ["cells", "weight", "bias"], ["maps"]),
    ]
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, 96, 64])
    maps = helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["batch", 14, 24, 16])
    graph = helper.make_graph(nodes, "bright", [image], [maps], [weight, bias])
    file = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(file, {METADATA_KEY: spec.to_json()})
    path = tmp_path_factory.mktemp("model") / "bright.onnx"
    onnx.save(file, path)
    return path


def photo():
    x, y = np.arange(SIZE[0]) - SPOT[0], np.arange(SIZE[1])[:, None] - SPOT[1]
    grey = np.round(255 * np.exp(-(x**2 + y**2) / (2 * RADIUS**2))).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "PNG")
    return file.getvalue()


def start(model, *options):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UNIPOSE_")}
    command = [sys.executable, "-m", "serve", "--model", str(model), "--threads", "1", *options]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@contextmanager
def running(model, *options):
    """A process that listens, and its port. At the end it must have stopped with 0, and have told of no fault."""
    with start(model, "--port", "0", *options) as process:
        try:
            said = process.stdout.readline() + process.stdout.readline()
            match = re.search(r"curl -F image=@photo.jpg (http://127.0.0.1:(\d+)/pose)\n$", said)
            assert match, said + process.stderr.read()
            yield process, int(match[2])
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=8)
        finally:
            process.kill()
    assert process.returncode == 0, errors
    assert "Traceback" not in errors, errors


def talk(port, head, body=()):
    """What a raw client hears until the connection closes, having said that it will send no more."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"POST /pose HTTP/1.1\r\nHost: test\r\n" + head + b"\r\n\r\n")
        for part in body:
            client.sendall(part)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b"")).decode()


def test_a_process_answers_refuses_and_stops(model):
    with running(model, "--max-bytes", "200000") as (_, port):
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
        talk(port, b"Content-Length: 5000", [photo()[:100]])  # promises more than it sends, and leaves
        talk(port, b"Content-Length: 5", [photo()])  # sends more than it promised
        assert httpx.get(f"{url}/healthz").status_code == 200


def finish(process):
    with process:
        _, errors = process.communicate(timeout=20)
    return process.returncode, errors


def test_a_taken_port_is_one_line(model):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, errors = finish(start(model, "--port", str(port)))
    assert code == 1
    assert errors == f"error: cannot listen on 127.0.0.1, port {port}: Address already in use; try another --port\n"


def test_a_missing_model_is_one_line(model):
    code, errors = finish(start(model.with_name("other.onnx"), "--port", "0"))
    assert code == 2
    assert errors == f"error: no model file {model.with_name('other.onnx')}\n"
