"""What several test modules share: real data where UNIPOSE_DATA names it, models that find known points, a browser."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from bright_service import running, write_model
from page_browser import DESKTOP, Visit, open_browser
from PIL import Image
from video_files import SENDER

from unipose import heatmap
from unipose.records import read_records
from unipose.sample import draw_image
from unipose.skeleton import SKELETONS
from unipose.spec import ModelSpec
from unipose.weights import default_model

torch.set_num_threads(1)  # small tensors: more threads only wait for each other


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


# Arguments of a network small enough to be built, trained and exported in tests.
SMALL_NETWORK = {
    "trunk": "res2net_s",
    "output_stride": 16,
    "multi_grid": [1, 1, 1],
    "wasp_channels": 16,
    "wasp_rates": [1, 2],
    "wasp_shared": True,
    "decoder_channels": 16,
    "dropout": 0.1,
    "activation": "softmax",
}
WITH_MEMORY = SMALL_NETWORK | {"lstm_channels": 4, "lstm_kernel": 3}


@pytest.fixture
def spec() -> ModelSpec:
    return ModelSpec(
        name="ramp", version="1", skeleton=SKELETONS["lsp14"], input_wh=(64, 96), stride=4, sigma=1.5, margin=1.25,
        mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25),
    )  # fmt: skip


# Where keypoint k of every `ramp_image` is, in fractions of its size: well apart, nowhere near symmetric.
FRACTIONS = np.stack([0.35 + 0.04 * np.arange(14), 0.2 + 0.6 * (np.arange(14) * 5 % 14) / 14], 1)


def ramp_image(size_wh: tuple[int, int]) -> np.ndarray:
    """An image whose red grows with x and green with y, so that any resampling of it still says where it came from."""
    width, height = size_wh
    image = np.full((height, width, 3), 255, np.uint8)
    image[..., 0] = np.round(255 * (np.arange(width) + 0.5) / width)
    image[..., 1] = np.round(255 * (np.arange(height)[:, None] + 0.5) / height)
    return image


def ramp_joints(size_wh: tuple[int, int]) -> np.ndarray:
    """Where a `RampReader` must find the keypoints of a ramp image: (K, 2) at pixel centres."""
    return FRACTIONS * size_wh - 0.5


class RampReader:
    """A runtime that reads positions off a ramp image, exactly: it follows a point through every affine on the way."""

    engine = "ramp"
    copies = 1

    def __init__(self, spec: ModelSpec):
        self.spec = spec
        self.batches: list[int] = []

    def run(self, batch: np.ndarray) -> np.ndarray:
        self.batches.append(len(batch))
        std, mean = (np.array(v, np.float32)[:, None, None] for v in (self.spec.std, self.spec.mean))
        to_heatmap = heatmap.from_input(self.spec.input_wh, self.spec.stride)
        maps = []
        for red, green, blue in batch * std + mean:
            rows, columns = np.nonzero(blue > 0.999)  # inside the image
            ones = np.ones(len(rows))
            ramp, *_ = np.linalg.lstsq(
                np.stack([columns, rows, ones], 1), np.stack([red[rows, columns], green[rows, columns]], 1), rcond=None
            )
            xy_input = np.linalg.solve(ramp[:2].T, (FRACTIONS - ramp[2]).T).T
            maps.append(heatmap.encode(to_heatmap(xy_input), np.ones(14, bool), self.spec.heatmap_wh, self.spec.sigma))
        return np.stack(maps)


@pytest.fixture
def ramp_reader(spec: ModelSpec) -> RampReader:
    return RampReader(spec)


RAMP_SIZES = [(310, 230), (250, 333), (300, 300)]


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
    with running(bright_model, "--log-level", "warning") as (_, port):
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
