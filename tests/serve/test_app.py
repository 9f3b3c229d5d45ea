import json
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from tests.support.ramp_app import BOXES, PNG, SIZE, Reader, assert_problem, encoded, form, joints, serving
from tests.support.ramps import ramp_image, ramp_joints
from unipose.core.skeleton import SKELETONS


@pytest.fixture
def client(spec):
    with serving(Reader(spec)) as client:
        yield client


def as_curl_does(content_type):
    return {"content": PNG, "headers": {"Content-Type": content_type}}


@pytest.mark.parametrize(
    "request_",
    [
        form(boxes=json.dumps(BOXES)),
        form() | {"params": {"boxes": json.dumps(BOXES)}},
        {"content": PNG, "params": {"boxes": json.dumps(BOXES)}},
        *(
            as_curl_does(kind) | {"params": {"boxes": json.dumps(BOXES)}}
            for kind in ("image/jpeg", "application/x-www-form-urlencoded", "application/json", "text/html; charset=x")
        ),
    ],
)
def test_one_pose_for_each_box_in_order(client, request_):
    answer = client.post("/pose", **request_)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body.keys() == {"width", "height", "model", "poses"}
    assert (body["width"], body["height"]) == SIZE
    assert body["model"] == {"name": "ramp", "skeleton": "lsp14", "version": "1"}
    assert [pose["box"] for pose in body["poses"]] == BOXES
    for pose in body["poses"]:
        assert pose.keys() == {"box", "score", "keypoints"}
        assert [keypoint["name"] for keypoint in pose["keypoints"]] == list(SKELETONS["lsp14"].keypoints)
        assert np.abs(joints(pose) - ramp_joints(SIZE)).max() < 0.3
        best = sorted(keypoint["score"] for keypoint in pose["keypoints"])[-12:]
        assert pose["score"] == pytest.approx(np.mean(best), abs=1e-3)


def test_without_boxes_the_person_is_found_in_two_passes(client):
    [pose] = client.post("/pose", **form()).json()["poses"]
    xy = joints(pose)
    assert np.abs(xy - ramp_joints(SIZE)).max() < 0.3
    left, top, right, bottom = pose["box"]
    assert 0 < left < xy[:, 0].min() < xy[:, 0].max() < right < SIZE[0]
    assert 0 <= top < xy[:, 1].min() < xy[:, 1].max() < bottom <= SIZE[1]


def test_no_boxes_no_poses(client):
    assert client.post("/pose", **form(boxes="[]")).json()["poses"] == []


def test_answers_are_in_upright_pixels(client):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    turned = encoded(np.ascontiguousarray(np.rot90(ramp_image(SIZE))), exif=exif)
    assert client.post("/pose", content=turned, params={"boxes": json.dumps(BOXES)}).json() == (
        client.post("/pose", content=PNG, params={"boxes": json.dumps(BOXES)}).json()
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_formats(client, kind):
    assert client.post("/pose", content=encoded(ramp_image(SIZE), kind)).status_code == 200


NOISE = encoded(np.random.default_rng(0).integers(0, 256, (440, 440, 3), np.uint8))  # 580 kB


@pytest.mark.parametrize(
    ("request_", "status", "detail"),
    [
        ({"content": NOISE}, 413, "more than 431,072 bytes"),
        ({"content": NOISE[:400_000]}, 413, "at most 300,000"),
        ({"content": (NOISE[i : i + 9999] for i in range(0, len(NOISE), 9999))}, 413, "more than 431,072 bytes"),
        (form(NOISE), 413, "more than 431,072 bytes"),
        (form(NOISE[:400_000]), 413, "at most 300,000"),
        ({"content": encoded(np.zeros((500, 500, 3), np.uint8))}, 413, "500 x 500 pixels"),
        ({"content": b"GIF89a"}, 415, "multipart field `image`"),
        ({"json": {"image": "aGVsbG8="}}, 415, "multipart field `image`"),
        ({"data": {"image": "photo.jpg"}}, 415, "multipart field `image`"),
        (form(b"%PDF-1.7"), 415, "not a JPEG, PNG, WEBP, BMP, TIFF"),
        ({}, 422, "the image is empty"),
        ({"content": b"", "headers": {"Content-Type": "image/png"}}, 422, "the image is empty"),
        (form(b""), 422, "the image is empty"),
        (form(PNG[:300]), 422, "damaged"),
        ({"content": b"\xff\xd8\xff"}, 422, "damaged"),
        ({"files": {"photo": PNG}}, 422, "'photo'"),
        ({"files": {"boxes": (None, "[]")}}, 422, "no file in field `image`"),
        ({"files": {"image": (None, "photo.jpg")}}, 422, "no file in field `image`"),
        ({"files": [("image", PNG), ("image", PNG)]}, 422, "Too many files"),
        ({"files": [("image", PNG), *([("boxes", (None, "[]"))] * 2)]}, 422, "each once"),
        ({"files": [("image", PNG), *([("boxes", (None, "[]"))] * 99)]}, 422, "Too many fields"),
        (form(boxes="[" + "[1, 2, 30, 40], " * 9000 + "]"), 422, "exceeded maximum size"),
        (form(boxes="[]") | {"params": {"boxes": "[]"}}, 422, "once"),
        (form() | {"params": {"box": "[]"}}, 422, "box: Extra inputs"),
        (as_curl_does("multipart/form-data"), 422, "boundary"),
        (as_curl_does("multipart/form-data; boundary=x"), 422, "cannot be read"),
        ({"content": b"--x", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, 422, "last boundary"),
    ],
    ids=lambda value: str(value).partition(" at 0x")[0][:60],  # the same in every process
)
def test_refusals(client, request_, status, detail):
    assert detail in assert_problem(client.post("/pose", **request_), status)


@pytest.mark.parametrize(
    ("boxes", "detail"),
    [
        ("", "Invalid JSON"),
        ("[[1, 2, 3", "Invalid JSON"),
        ("[" * 10_000, "Invalid JSON"),
        ("null", "valid array"),
        ("{}", "valid array"),
        ("[1, 2, 30, 40]", "boxes[0]"),
        ("[[1, 2, 30]]", "boxes[0][3]"),
        ("[[1, 2, 30, 40, 50]]", "boxes[0]"),
        ('[[1, 2, "30", 40]]', "boxes[0][2]"),
        ("[[1, 2, true, 40]]", "boxes[0][2]"),
        ("[[1, 2, 30, null]]", "boxes[0][3]"),
        ("[[1, 2, NaN, 40]]", "boxes[0][2]"),
        ("[[1, 2, Infinity, 40]]", "boxes[0][2]"),
        ("[[-Infinity, 2, 30, 40]]", "boxes[0][0]"),
        ("[[1, 2, 1e999, 40]]", "boxes[0][2]"),
        ("[[1, 2, 1" + "0" * 5000 + ", 40]]", "boxes"),
        ("[[1, 2, 1e7, 40]]", "boxes[0][2]"),
        ("[[1, 2, 30, 40], [30, 2, 1, 40]]", "boxes[1]: must have x2"),
        ("[[1, 40, 30, 2]]", "boxes[0]: must have x2"),
        ("[[1, 2, 1, 40]]", "boxes[0]: must have x2"),
        ("[[1, 2, 1.001, 40]]", "boxes[0]: must have x2"),
        ("[[0.1, 0.1, 0.9, 0.9]]", "boxes[0]: is in pixels"),
        ("[[0, 0, 1, 1]]", "boxes[0]: is in pixels"),
        ("[[1, 2, 30, 40], [310, 0, 320, 9]]", "boxes[1]: lies outside"),
        ("[[5, 230, 20, 250]]", "covers [0, 0, 310, 230]"),
        ("[[-9, 5, 0, 20]]", "boxes[0]: lies outside"),
        ("[[1, 2, 30, 40], [1, 2, 30, 40], [1, 2, 30, 40], [1, 2, 30, 40]]", "at most 3"),
    ],
    ids=lambda value: value[:40],
)
def test_refused_boxes(client, boxes, detail):
    assert detail in assert_problem(client.post("/pose", **form(boxes=boxes)), 422)
    assert detail in assert_problem(client.post("/pose", content=PNG, params={"boxes": boxes}), 422)


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/redoc", 404), ("POST", "/poses", 404), ("GET", "/pose", 405)]
)
def test_wrong_address_or_method(client, method, path, status):
    answer = client.request(method, path)
    assert_problem(answer, status)
    assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize("fault", ["raises", "nan"])
def test_a_fault_is_a_problem_that_tells_no_secret_and_passes(spec, fault):
    class Faulty(Reader):
        broken = False

        def run(self, batch):
            if self.broken and fault == "raises":
                raise RuntimeError("secret")
            return super().run(batch) + np.float32(np.nan if self.broken else 0)

    runtime = Faulty(spec)
    with serving(runtime) as client:
        runtime.broken = True
        answer = client.post("/pose", **form())
        assert "log" in assert_problem(answer, 500)
        assert "secret" not in answer.text
        runtime.broken = False
        assert client.post("/pose", **form()).status_code == 200


def test_simultaneous_requests_share_one_model_thread(spec):
    threads = set()

    class Watched(Reader):
        def run(self, batch):
            threads.add(threading.get_ident())
            return super().run(batch)

    sizes = [(310 - 7 * i, 230 + 11 * i) for i in range(8)]
    runtime = Watched(spec)
    boxes = {"boxes": json.dumps([[20, 10, 250, 220]] * 3)}
    with serving(runtime) as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda wh: client.post("/pose", content=encoded(ramp_image(wh)), params=boxes), sizes))
    for size, answer in zip(sizes, answers, strict=True):
        for pose in answer.json()["poses"]:
            assert np.abs(joints(pose) - ramp_joints(size)).max() < 0.4
    assert len(threads) == 1
    assert max(runtime.batches) == 2
    assert sum(runtime.batches) == 3 * len(sizes)


@pytest.mark.filterwarnings("ignore:.*SpooledTemporaryFile")  # Starlette drops the file of a form that ends early
def test_damaged_requests_get_documented_answers(client):
    """Bits flipped anywhere in a form with an image: an answer or a refusal, never a 500."""
    whole = client.build_request("POST", "/pose", **form(boxes=json.dumps(BOXES)))
    body, random = bytearray(whole.read()), np.random.default_rng(1)
    for _ in range(150):
        damaged = body.copy()
        for place in random.choice(len(body) if random.random() < 0.5 else 300, 3):
            damaged[place] ^= 1 << random.integers(8)
        answer = client.post("/pose", content=bytes(damaged), headers={"Content-Type": whole.headers["Content-Type"]})
        if answer.status_code != 200:
            assert answer.status_code in (413, 415, 422), answer.text
            assert_problem(answer, answer.status_code)


def test_openapi_documents_bodies_and_problems(client):
    document = client.get("/openapi.json").json()
    pose = document["paths"]["/pose"]["post"]
    images = {f"image/{kind}" for kind in ("jpeg", "png", "webp", "bmp", "tiff")}
    assert pose["requestBody"]["content"].keys() == images | {
        "multipart/form-data", "application/json", "application/octet-stream",
    }  # fmt: skip
    assert {p["name"] for p in pose["parameters"]} == {"format", "score_threshold", "max_people", "boxes"}
    assert pose["responses"].keys() == {"200", *map(str, (401, 408, 413, 415, 422, 429, 500, 503, 504))}
    for status, response in pose["responses"].items():
        answers = ["application/json", "image/png", "image/jpeg"]
        assert list(response["content"]) == (answers if status == "200" else ["application/problem+json"])
    assert document["paths"]["/readyz"]["get"]["responses"].keys() == {"200", "503"}
    assert "HTTPValidationError" not in document["components"]["schemas"]


@pytest.mark.parametrize("origins", [(), ("https://a.example",)])
def test_other_pages_may_ask_only_where_they_are_named(spec, origins):
    with serving(Reader(spec), cors_origins=origins) as client:
        allowed = {}
        for origin in ("https://a.example", "https://b.example"):
            answer = client.post("/pose", content=PNG, headers={"Origin": origin})
            assert answer.status_code == 200
            allowed[origin] = answer.headers.get("access-control-allow-origin")
        preflight = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
        status = client.options("/pose", headers=preflight).status_code
    assert allowed == {"https://a.example": origins[0] if origins else None, "https://b.example": None}
    assert status == (200 if origins else 405)
