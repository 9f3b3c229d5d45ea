import json
from base64 import b64encode

import numpy as np
import pytest

from tests.support.ramp_app import BOXES, PNG, SIZE, Reader, assert_problem, form, serving
from tests.support.ramps import ramp_image, ramp_joints

FILE = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [b64encode(PNG).decode()]}
PIXELS = ramp_image(SIZE)
TENSOR = {"name": "image", "shape": [*PIXELS.shape], "datatype": "UINT8"}
FLAT, NESTED = TENSOR | {"data": PIXELS.ravel().tolist()}, TENSOR | {"data": PIXELS.tolist()}
BOX = {"name": "boxes", "shape": [2, 4], "datatype": "FP32", "data": BOXES}
INFER = "/v2/models/ramp/infer"


@pytest.fixture
def client(spec):
    with serving(Reader(spec), max_bytes=600_000) as client:
        yield client


def test_server_and_model_describe_themselves(client):
    assert client.get("/v2").json()["name"] == "unipose"
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == client.get("/v2/models/ramp/ready").json() == {"ready": True}
    model = client.get("/v2/models/ramp").json()
    assert (model["name"], model["versions"], model["platform"]) == ("ramp", ["1"], "ramp")
    assert {tensor["name"]: tensor["shape"] for tensor in model["outputs"]} == {
        "keypoints": [-1, 14, 2], "scores": [-1, 14], "boxes": [-1, 4], "person_scores": [-1],
    }  # fmt: skip
    assert_problem(client.get("/v2/models/other"), 404)
    assert_problem(client.post("/v2/models/other/infer", json={"inputs": [FILE]}), 404)


@pytest.mark.parametrize("image", [FILE, FLAT, NESTED, FLAT | {"shape": [1, *PIXELS.shape]}])
def test_the_poses_are_those_of_pose(client, image):
    poses = client.post("/pose", **form(boxes=json.dumps(BOXES))).json()["poses"]
    answer = client.post(INFER, json={"id": "7", "inputs": [image, BOX], "parameters": {}})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["model_name"], body["model_version"], body["id"]) == ("ramp", "1", "7")
    tensors = {one["name"]: np.reshape(one["data"], one["shape"]) for one in body["outputs"]}
    joints = [[[joint["x"], joint["y"]] for joint in pose["keypoints"]] for pose in poses]
    np.testing.assert_allclose(tensors["keypoints"], joints, atol=0.011)
    np.testing.assert_allclose(tensors["keypoints"][0], ramp_joints(SIZE), atol=0.3)
    np.testing.assert_allclose(tensors["boxes"], BOXES)
    assert (tensors["scores"].shape, tensors["person_scores"].shape) == ((2, 14), (2,))


def test_nobody_and_some_outputs(client):
    none = BOX | {"shape": [0, 4], "data": []}
    body = client.post(INFER, json={"inputs": [FILE, none], "outputs": [{"name": "scores"}]}).json()
    assert body["outputs"] == [{"name": "scores", "shape": [0, 14], "datatype": "FP32", "data": []}]


@pytest.mark.parametrize(
    ("inputs", "status", "detail"),
    [
        ([], 422, "inputs"),
        ([BOX], 422, "`image` once"),
        ([FILE, FILE], 422, "`image` once"),
        ([FILE | {"data": ["?"]}], 422, "not base64"),
        ([FILE | {"data": ["aGVsbG8="]}], 415, "not a JPEG"),
        ([FILE | {"data": [1]}], 422, "one image file as base64"),
        ([FILE | {"shape": [2]}], 422, "of shape [1]"),
        ([FILE | {"name": "photo"}], 422, "inputs.0.name"),
        ([FILE | {"datatype": "FP32"}], 422, "UINT8 of shape"),
        ([FLAT | {"shape": [10, 10, 3]}], 422, "reshape"),
        ([TENSOR | {"shape": [2, 2, 3], "data": [256] * 12}], 422, "0 to 255"),
        ([TENSOR | {"shape": [2, 2, 3], "data": [-1] * 12}], 422, "0 to 255"),
        ([TENSOR | {"shape": [2, 2, 3], "data": [0.5] * 12}], 422, "UINT8"),
        ([TENSOR | {"shape": [2, 2, 3], "data": ["1"] * 12}], 422, "UINT8"),
        ([TENSOR | {"shape": [2, 2, 3], "data": [10**400] * 12}], 422, "UINT8"),
        ([TENSOR | {"shape": [2, 2, 3], "data": [[1], [1, 2]]}], 422, "image: "),
        ([TENSOR | {"shape": [0, 2, 3], "data": []}], 422, "UINT8 of shape"),
        ([TENSOR | {"shape": [10**9, 10**9, 3], "data": [1]}], 413, "pixels"),
        ([FILE, BOX | {"shape": [8]}], 422, "of shape [n, 4]"),
        ([FILE, BOX | {"shape": [-1, 4]}], 422, "of shape [n, 4]"),
        ([FILE, BOX | {"shape": [1, 4], "data": [1, 2, 30, None]}], 422, "boxes: "),
        ([FILE, BOX | {"shape": [1, 4], "data": [30, 2, 1, 40]}], 422, "boxes[0]: must have x2"),
        ([FILE, BOX | {"shape": [4, 4], "data": BOXES * 2}], 422, "at most 3"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_refusals(client, inputs, status, detail):
    assert detail in assert_problem(client.post(INFER, json={"inputs": inputs}), status)


@pytest.mark.parametrize("body", [b"\xff\xfe", b"{", b"[]", b"null", b""])
def test_what_is_no_json_object(client, body):
    assert_problem(client.post(INFER, content=body, headers={"Content-Type": "application/json"}), 422)


def test_an_output_that_is_none(client):
    answer = client.post(INFER, json={"inputs": [FILE], "outputs": [{"name": "heatmaps"}]})
    assert "there are keypoints, scores, boxes, person_scores" in assert_problem(answer, 422)
