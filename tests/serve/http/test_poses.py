import io
import json
import re
from base64 import b64encode, encodebytes

import numpy as np
import pytest
from PIL import Image

from serve.http.poses import server_timing
from tests.support.ramp_app import BOXES, PNG, SIZE, Reader, assert_problem, encoded, form, serving
from tests.support.ramps import ramp_image
from unipose.core.draw import draw_poses
from unipose.inference.predictor import Predictor

TEXT = b64encode(PNG).decode()


@pytest.fixture
def client(spec):
    with serving(Reader(spec)) as client:
        yield client


@pytest.mark.parametrize(
    "image", [TEXT, encodebytes(PNG).decode(), f"data:image/png;base64,{TEXT}"], ids=["plain", "lines", "data URL"]
)
def test_an_image_in_json_is_answered_as_a_file_is(client, image):
    expected = client.post("/pose", **form(boxes=json.dumps(BOXES))).json()
    assert client.post("/pose", json={"image": image, "boxes": BOXES}).json() == expected


def test_options_come_in_the_query_or_in_json(client):
    whole = client.post("/pose", json={"image": TEXT, "format": "coco", "score_threshold": 1.0, "max_people": 1}).json()
    assert whole["annotations"] == []
    assert client.post("/pose?format=coco&score_threshold=1", json={"image": TEXT}).json() == whole
    answer = client.post("/pose?boxes=[]&format=coco", json={"image": TEXT, "boxes": BOXES, "format": "native"})
    assert "boxes, format: give them once" in assert_problem(answer, 422)


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ("{", 422, "the body: Invalid JSON"),
        ("{}", 422, "image: Field required"),
        ('{"image": 1}', 422, "image: "),
        ('{"image": "?"}', 422, "image: not base64"),
        ('{"image": "data:image/png;base64"}', 422, "the image is empty"),
        ('{"image": ""}', 422, "the image is empty"),
        ('{"image": "aGVsbG8="}', 415, "not a JPEG"),
        ('{"image": "aGVsbG8=", "url": "http://a.example"}', 422, "url: Extra inputs"),
        ('{"image": "aGVsbG8=", "boxes": [[1, 2, "30", 40]]}', 422, "boxes.0.2: "),
        ('{"image": "aGVsbG8=", "boxes": [[1, 2, NaN, 40]]}', 422, "boxes[0][2]"),
        ('{"image": "aGVsbG8=", "boxes": [[3, 2, 1, 40]]}', 422, "boxes[0]: must have x2"),
        ('{"image": "aGVsbG8=", "max_people": 0}', 422, "max_people: "),
        ("[" * 10_000, 415, "not a JPEG"),
        ('{"a":' * 10_000, 422, "the body: "),
    ],
    ids=lambda value: str(value)[:40],
)
def test_refused_json(client, body, status, detail):
    answer = client.post("/pose", content=body, headers={"Content-Type": "application/json; charset=utf-8"})
    assert detail in assert_problem(answer, status)


def test_an_image_in_json_may_be_as_large_as_a_file(client):
    noise = encoded(np.random.default_rng(0).integers(0, 256, (300, 330, 3), np.uint8))
    assert 290_000 < len(noise) < 300_000
    assert client.post("/pose", json={"image": b64encode(noise).decode(), "boxes": []}).status_code == 200
    larger = b64encode(bytes(500_000)).decode()
    assert "more than 574,762 bytes" in assert_problem(client.post("/pose", json={"image": larger}), 413)


@pytest.mark.parametrize(("accept", "kind"), [("image/png", "PNG"), ("image/jpeg, */*;q=0.1", "JPEG")])
def test_the_poses_drawn_into_the_image(client, spec, accept, kind):
    answer = client.post("/pose", **form(boxes=json.dumps(BOXES)), headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"image/{kind.lower()}"
    shown = Image.open(io.BytesIO(answer.content))
    assert (shown.format, shown.size) == (kind, SIZE)
    image = ramp_image(SIZE)
    drawn = draw_poses(image, Predictor(Reader(spec), decoder="quadratic")(image, BOXES), spec.skeleton)
    pixels = np.asarray(shown.convert("RGB"), int)
    assert np.abs(pixels - drawn).mean() < 0.8 * np.abs(pixels - image).mean()
    assert kind == "JPEG" or (pixels == drawn).all()


def test_problems_are_json_whatever_is_accepted(client):
    answer = client.post("/pose", content=b"GIF89a", headers={"Accept": "image/png"})
    assert_problem(answer, 415)


def test_no_jpeg_is_as_wide_as_that(spec):
    with serving(Reader(spec)) as client:
        wide = {"content": encoded(np.zeros((2, 70_000, 3), np.uint8)), "params": {"boxes": "[]"}}
        assert "65,535" in assert_problem(client.post("/pose", **wide, headers={"Accept": "image/jpeg"}), 422)
        assert client.post("/pose", **wide, headers={"Accept": "image/png"}).status_code == 200


@pytest.mark.parametrize(
    ("accept", "stages"),
    [
        ("application/json", ["body", "decode", "prepare", "model", "read", "total"]),
        ("image/png", ["body", "decode", "prepare", "model", "read", "draw", "total"]),
    ],
)
def test_the_answer_says_where_the_time_went(client, accept, stages):
    header = client.post("/pose", content=PNG, headers={"Accept": accept}).headers["server-timing"]
    parts = dict(re.findall(r"(\w+);dur=(\d+\.\d)(?:, |$)", header))
    assert list(parts) == stages
    seconds = [float(value) for value in parts.values()]
    assert 0 < sum(seconds[:-1]) <= seconds[-1] + 0.1 * len(seconds)


def test_timing_is_in_milliseconds():
    assert server_timing({"decode": 0.0123, "total": 1.5}) == "decode;dur=12.3, total;dur=1500.0"
