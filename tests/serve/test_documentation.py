"""What docs/service.md says to type works as it is written there."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.support.bright_service import WHOLE, running

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/service.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
CURL = [text for kind, text in BLOCKS if not kind and "curl" in text]
[PYTHON] = [text for kind, text in BLOCKS if kind == "python"]
[START] = [text for kind, text in BLOCKS if "UNIPOSE_API_KEYS" in text]


@pytest.fixture
def folder(tmp_path, figure):
    """What the commands name."""
    Image.fromarray(figure).save(tmp_path / "photo.jpg")
    (tmp_path / "frames").mkdir()
    for i in range(3):
        Image.fromarray(figure).save(tmp_path / f"frames/{i}.jpg")
    (tmp_path / "frames/9.jpg").write_bytes(b"GIF89a")
    with av.open(str(tmp_path / "clip.mp4"), "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.height, stream.width = figure.shape[:2]
        stream.pix_fmt = "yuv420p"
        for _ in range(3):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(figure, format="rgb24")))
        out.mux(stream.encode(None))
    return tmp_path


def addressed(text, service):
    assert "127.0.0.1:8000" in text
    return text.replace("127.0.0.1:8000", service.removeprefix("http://").rstrip("/"))


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_the_commands(service, folder):
    count = 0
    for text in CURL:
        for command in addressed(text, service).splitlines():
            done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True)
            assert done.returncode == 0, (command, done.stderr)
            count += 1
            if command.startswith("curl") and ">" not in command:
                answer = json.loads(done.stdout)
                assert answer.keys() & {"poses", "outputs"}, (command, done.stdout)
    assert count == 8
    assert np.asarray(Image.open(folder / "drawn.png")).any()
    lines = [json.loads(line) for line in (folder / "people.jsonl").read_text().splitlines()]
    assert [[pose["track_id"] for pose in line["poses"]] for line in lines] == [[1]] * 3


def test_the_streams_client(service, folder):
    done = subprocess.run(
        [sys.executable, "-c", addressed(PYTHON, service)], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    *poses, refused = done.stdout.splitlines()
    assert [re.fullmatch(r"frames/(\d).jpg (\d) \[0\.\d+\]", line).groups() for line in poses] == [
        (str(i), str(i)) for i in range(3)
    ]
    assert refused.startswith("frames/9.jpg the image is not a JPEG")


def test_the_start_with_a_key(bright_model):
    """As written, but for the port and the model, which are set around it."""
    environment = os.environ | {
        "UNIPOSE_PORT": "0", "UNIPOSE_MODEL": str(bright_model), "UNIPOSE_DETECTOR": "whole", "UNIPOSE_HOST": "0.0.0.0",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    script = START.replace("python -m serve", "echo $UNIPOSE_API_KEYS\nexec python -m serve")
    command = ["bash", "-c", script]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            key = process.stdout.readline().strip()
            process.stdout.readline()
            address = re.search(r"http://\S+/pose", process.stdout.readline())[0].replace("/pose", "/models")
            ask = ["curl", "-s", "-o", os.devnull, "-w", "%{http_code}", address]
            statuses = [
                subprocess.run([*ask, *more], capture_output=True, text=True).stdout
                for more in ((), ("-H", f"Authorization: Bearer {key}"))
            ]
        finally:
            process.terminate()
            _, errors = process.communicate(timeout=20)
    assert len(key) == 32
    assert statuses == ["401", "200"]
    assert "there are no API keys" not in errors


@pytest.mark.parametrize(
    ("options", "warned"), [(("--host", "0.0.0.0"), 1), (("--host", "0.0.0.0", "--api-keys", "0" * 16), 0), ((), 0)]
)
def test_a_start_for_everybody_says_so(bright_model, options, warned):
    with running(bright_model, *WHOLE, "--log-level", "warning", *options) as (process, _):
        process.terminate()
        lines = process.stderr.read().splitlines()
    assert len(lines) == warned
    assert all("everybody who can reach this machine" in line for line in lines)


def test_every_setting_that_it_names_is_one():
    from serve.settings import Settings

    words = set(
        re.findall(r"`((?:max|min|client|trusted|video|body|pixel|stop|header|deadline|cors|api|image)_\w+)`", TEXT)
    )
    assert words <= Settings.model_fields.keys()
    assert len(words) > 20
