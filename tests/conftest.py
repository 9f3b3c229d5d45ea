"""What several test modules share: real data where UNIPOSE_DATA names it, models that find known points, a browser."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from PIL import Image

from tests.support.bright_service import WHOLE, running, write_model
from tests.support.commands import make_world
from tests.support.page_browser import DESKTOP, Visit, open_browser
from tests.support.ramps import RAMP_SIZES, RampReader, ramp_image, ramp_joints
from tests.support.video_files import SENDER
from unipose import cli
from unipose.core.model_spec import ModelSpec
from unipose.core.skeleton import SKELETONS
from unipose.datasets.records import read_records
from unipose.datasets.synthetic.images import draw_image, draw_sample
from unipose.weights import default_model

ROOT = Path(__file__).parents[1]

settings.register_profile("any machine", deadline=None)  # a busy one takes its time
settings.load_profile("any machine")
torch.set_num_threads(1)  # small tensors: more threads only wait for each other


@pytest.fixture(autouse=True)
def no_progress(monkeypatch):
    """A busy machine, on which a command takes longer than ten seconds, adds no lines to what it says."""
    monkeypatch.setattr("unipose.pipelines.progress.EVERY", 3600)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the official data sets' archives."""
    folder = os.environ.get("UNIPOSE_DATA")
    if not folder:
        pytest.skip("needs real data: set UNIPOSE_DATA to the folder with the data sets' zip files")
    return Path(folder)


@pytest.fixture
def refused(tmp_path, capsys):
    """Whether a preparation refuses its source: one line that names it and says why, status 2, nothing written."""

    def check(prepare, source, message):
        out = tmp_path / "out"
        assert prepare([str(source), "--out", str(out)]) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"error: {source}: ")
        assert message in error
        assert error.count("\n") == 1
        assert not out.exists()

    return check


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """Good files for commands, and a folder for results that is not there yet."""
    return make_world(tmp_path_factory.mktemp("commands") / "world")


@pytest.fixture
def refused_command(world, capsys, monkeypatch):
    """Whether a command is refused in one line, and wrote nothing -> the line."""
    for what in ("signal.signal", "serve.__main__.configure_logging", "serve.process.worker.configure_logging"):
        monkeypatch.setattr(what, lambda *_: None)  # this process is not the service's

    def check(words, bad=""):
        before = world.files()
        try:
            code = cli.main(world.command(words, bad))
        except SystemExit as done:  # of what cannot be parsed
            code = done.code
        error = capsys.readouterr().err
        assert code in (1, 2), error
        assert error.startswith("error: ") and error.count("\n") == 1, error
        assert world.files() == before
        return error

    return check


@pytest.fixture
def run_ascii():
    """Runs Python in a locale whose text is ASCII, with these arguments, from the tree's root -> what it prints."""

    def run(*arguments, returncode=0):
        locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": f"{ROOT}:{ROOT / 'data'}"}
        done = subprocess.run([sys.executable, *arguments], env=os.environ | locale, capture_output=True, cwd=ROOT)
        assert done.returncode == returncode, done.stderr.decode()
        return (done.stderr if returncode else done.stdout).decode()

    return run


@pytest.fixture
def spec() -> ModelSpec:
    return ModelSpec(
        name="ramp", version="1", skeleton=SKELETONS["lsp14"], input_wh=(64, 96), stride=4, sigma=1.5, margin=1.25,
        mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25),
    )  # fmt: skip


@pytest.fixture
def ramp_reader(spec: ModelSpec) -> RampReader:
    return RampReader(spec)


@pytest.fixture
def ramps(tmp_path: Path):
    """Three ramp images of one person each; `offset(i, k)` moves a label away from where the reader will find it."""

    def write(offset=lambda i, k: (0, 0), people=1, first_id=1, occluded=(), **more):
        images, annotations = [], []
        for i, (width, height) in enumerate(RAMP_SIZES):
            Image.fromarray(ramp_image((width, height))).save(tmp_path / f"{i}.png")
            images.append({"id": i, "file_name": f"{i}.png", "width": width, "height": height})
            xy = ramp_joints((width, height)) + [offset(i, k) for k in range(14)]
            visibility = [1 if k in occluded else 2 for k in range(14)]
            keypoints = np.column_stack([xy, visibility]).ravel().tolist()
            annotations += [
                {"id": first_id + 10 * i + j, "image_id": i, "category_id": 1, "keypoints": keypoints, "iscrowd": 0,
                 "num_keypoints": 14, "bbox": [0.3 * width, 0.1 * height, 0.6 * width, 0.8 * height],
                 "area": 0.48 * width * height, **more}
                for j in range(people)
            ]  # fmt: skip
        categories = [{"id": 1, "name": "person", "keypoints": list(SKELETONS["lsp14"].keypoints), "skeleton": []}]
        path = tmp_path / "data.json"
        path.write_text(
            json.dumps({"images": images, "annotations": annotations, "categories": categories, "info": {}})
        )
        return read_records(path)

    return write


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with open_browser(tmp_path_factory.mktemp("camera")) as browser:
        yield browser


@pytest.fixture(scope="session")
def bright_model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "bright.onnx"
    write_model(path)
    return path


@pytest.fixture(scope="session")
def bright(bright_model):
    """A service that finds every joint at the brightest spot."""
    with running(bright_model, *WHOLE, "--log-level", "warning") as (_, port):
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture(scope="session")
def service():
    """The service as it comes."""
    with running(default_model(), "--log-level", "warning") as (_, port):
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture(scope="session")
def figure():
    """A drawn figure whose joints the default model finds well apart: RGB."""
    return draw_image(np.random.default_rng((0, 18)), (384, 480))[0]


@pytest.fixture
def visit(browser):
    """Opens a page, of which nothing may be wrong in the end, but requests answered with `failing`."""
    visits = []

    def visit(url, failing=None, **device):
        visits.append((Visit(browser, url, DESKTOP | device), failing))
        return visits[-1][0].page

    yield visit
    for visited, failing in visits:
        visited.finish(failing)


@pytest.fixture
def shoot(tmp_path):
    """Keeps pictures of the page for people to look at, in the folder UNIPOSE_SCREENSHOTS where there is one."""
    folder = Path(os.environ.get("UNIPOSE_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return lambda page, name: page.screenshot(path=folder / f"page-{name}.png", animations="disabled")


@pytest.fixture
def stream():
    """Starts a server that sends a file, at a pace, to so many clients one after another -> its address."""
    senders = []

    def start(path, clients, pause=0.0):
        command = [sys.executable, "-c", SENDER, str(path), str(clients), str(pause)]
        sender = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        senders.append(sender)
        return f"http://127.0.0.1:{sender.stdout.readline().strip()}/live.ts"

    yield start
    for sender in senders:
        sender.kill()
        sender.communicate()


@pytest.fixture
def outputs(tmp_path):
    """Where `unipose video` writes."""
    return tmp_path / "out.mp4", tmp_path / "out.jsonl"


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """The folder of a set of 40 figures, whose train.json and test.json name its images."""
    folder = tmp_path_factory.mktemp("sample")
    draw_sample(folder, count=40, seed=1, figures=(1,))
    return folder
