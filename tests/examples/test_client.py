"""examples/client.py against a service process."""

import importlib.util
import io
from pathlib import Path

import pytest
from PIL import Image

from tests.support.bright_service import SIZE, SPOT, WHOLE, photo, running

PATH = Path(__file__).parents[2] / "examples/client.py"
KEY = "0123456789abcdef"


@pytest.fixture(scope="module")
def module():
    spec = importlib.util.spec_from_file_location("client", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def client(module, bright):
    return module.Client(bright.rstrip("/"))


def test_people_have_named_keypoints(client):
    [person] = client.people(photo(), boxes=[[20, 10, 190, 140]], format="native")
    assert person.box_xyxy == (20, 10, 190, 140)
    assert person.keypoints["left_wrist"][:2] == pytest.approx(SPOT, abs=0.8)
    assert len(person.keypoints) == 14 and 0 < person.score <= 1


def test_the_picture(client):
    drawn = Image.open(io.BytesIO(client.drawn(photo())))
    assert (drawn.format, drawn.size) == ("JPEG", SIZE)


def test_a_refusal_says_why(client):
    with pytest.raises(OSError, match="Unsupported Media Type: the image is not a JPEG"):
        client.people(b"GIF89a")


def test_a_key_and_a_busy_service(module, bright_model):
    options = ("--api-keys", KEY, "--client-rate", "1")
    with running(bright_model, *WHOLE, "--log-level", "warning", *options) as (_, port):
        address = f"http://127.0.0.1:{port}"
        with pytest.raises(OSError, match="Unauthorized"):
            module.Client(address).people(photo())
        client = module.Client(address, KEY)
        assert [len(client.people(photo())) for _ in range(3)] == [1, 1, 1]
