"""The application on Ray Serve answers as it does by itself."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from http.client import HTTPException
from time import monotonic, sleep
from urllib.error import HTTPError

import cv2
import pytest
from fastapi.testclient import TestClient
from websockets.sync.client import connect

from serve.app import create_app
from serve.process.worker import load_predictor
from serve.settings import Settings

START_SECONDS = 300  # on a busy machine
SERVE = """
import signal
import sys
import ray
from ray import serve
from serve.ray_app import app
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
ray.init("local", num_cpus=2)  # not in a cluster that is running here already
deployed = app({"max_queue": "8", "log_level": "warning"})
serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
serve.run(deployed, blocking=True)
"""


@pytest.fixture(scope="module")
def port():
    """The port at which Ray Serve answers with the application."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "RAY_worker_niceness": "0"}
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(port)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        end = monotonic() + START_SECONDS
        while not is_ready(port):
            assert process.poll() is None, process.stdout.read().decode()
            assert monotonic() < end, f"not ready within {START_SECONDS} seconds"
            sleep(0.5)
        yield port
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)


def is_ready(port):
    """Whether the application answers; until then nothing listens, or Ray's proxy answers with an error as text."""
    try:
        return ask(port, "readyz") == (200, {"status": "ready"})
    except (OSError, HTTPException, ValueError):
        return False


def ask(port, address, body=None):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{address}", body, timeout=60) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.fixture(scope="module")
def photo(figure):
    return cv2.imencode(".png", cv2.cvtColor(figure, cv2.COLOR_RGB2BGR))[1].tobytes()


@pytest.fixture(scope="module")
def expected(photo):
    settings = Settings()
    with TestClient(create_app(settings, load_predictor(settings))) as client:
        return client.post("/pose", content=photo).json()


def test_it_answers_as_the_application_does(port, photo, expected):
    assert ask(port, "pose", photo) == (200, expected)


def test_its_refusals_are_the_applications(port):
    status, problem = ask(port, "pose", b"no image")
    assert status == 415 and "is not a JPEG" in problem["detail"]


def test_a_stream_is_answered(port, photo, expected):
    with connect(f"ws://127.0.0.1:{port}/pose/stream") as stream:
        stream.send(photo)
        assert json.loads(stream.recv(timeout=20)) == {"frame": 0, **expected}


def test_a_wrong_setting_is_told_before_anything_is_deployed():
    code = "from serve.ray_app import app; app({'max_queue': '0'})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and "max_queue" in done.stderr and "greater than or equal to 1" in done.stderr
