import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from urllib.error import HTTPError, URLError

import cv2
import pytest
from fastapi.testclient import TestClient
from websockets.sync.client import connect

from serve.app import create_app
from serve.process.worker import load_predictor
from serve.settings import Settings

SERVE = """
import signal
import sys
import ray
from ray import serve
from serve.ray_app import app
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
ray.init("local", num_cpus=2)  # not in a cluster that somebody has here
deployed = app({"max_queue": "8", "log_level": "warning"})
serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
serve.run(deployed, blocking=True)
"""


@pytest.fixture(scope="module")
def port():
    """Where Ray Serve listens with the application."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "RAY_worker_niceness": "0"}
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(port)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        for _ in range(240):
            try:
                if ask(port, "readyz")[0] == 200:
                    break
            except (URLError, ConnectionError):
                pass
            assert process.poll() is None, process.stdout.read().decode()
            time.sleep(0.5)
        yield port
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)


def ask(port, address, body=None):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{address}", body) as answer:
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
