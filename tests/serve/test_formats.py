import json

import numpy as np
import pytest
from starlette.testclient import TestClient

from serve.app import create_app
from serve.process.worker import load_predictor
from serve.settings import Settings
from tests.support.ramp_app import BOXES, PNG, SIZE, Reader, assert_problem, encoded, form, joints, serving
from tests.support.ramps import RampReader, ramp_joints
from unipose.core.pose import OPENPOSE_18
from unipose.core.skeleton import SKELETONS, Skeleton
from unipose.datasets.synthetic.images import draw_image

NAMES = SKELETONS["lsp14"].keypoints


@pytest.fixture
def client(spec):
    with serving(Reader(spec)) as client:
        yield client


def ask(client, **params):
    answer = client.post("/pose", content=PNG, params={"boxes": json.dumps(BOXES), **params})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_coco_is_a_file_that_pycocotools_reads(client, tmp_path, capsys):
    from pycocotools.coco import COCO

    body = ask(client, format="coco")
    (tmp_path / "coco.json").write_text(json.dumps(body))
    coco = COCO(str(tmp_path / "coco.json"))
    capsys.readouterr()
    [image] = coco.loadImgs(coco.getImgIds())
    assert (image["width"], image["height"]) == SIZE
    [person] = coco.loadCats(coco.getCatIds(["person"]))
    assert person["keypoints"] == list(NAMES)
    assert [NAMES[i - 1] for i in person["skeleton"][0]] == ["right_ankle", "right_knee"]
    annotations = coco.loadAnns(coco.getAnnIds(imgIds=[1]))
    assert len(annotations) == len(BOXES)
    for annotation, (left, top, right, bottom) in zip(annotations, BOXES, strict=True):
        assert annotation["bbox"] == [left, top, right - left, bottom - top]
        assert abs(np.reshape(annotation["keypoints"], (14, 3))[:, :2] - ramp_joints(SIZE)).max() < 0.3


def test_coco_of_a_body19_model_has_cocos_own_keypoints(tmp_path, capsys):
    from pycocotools.coco import COCO

    settings = Settings()
    photo = encoded(draw_image(np.random.default_rng((0, 18)), (384, 480))[0])
    with TestClient(create_app(settings, load_predictor(settings))) as client:
        [native] = client.post("/pose", content=photo).json()["poses"]
        body = client.post("/pose", content=photo, params={"format": "coco"}).json()
    (tmp_path / "coco.json").write_text(json.dumps(body))
    coco = COCO(str(tmp_path / "coco.json"))
    capsys.readouterr()
    coco17 = SKELETONS["coco17"]
    [person] = coco.loadCats(coco.getCatIds(["person"]))
    assert person["keypoints"] == list(coco17.keypoints)
    assert [tuple(limb) for limb in person["skeleton"]] == [(a + 1, b + 1) for a, b in coco17.limbs]
    [annotation] = coco.loadAnns(coco.getAnnIds(imgIds=[1]))
    assert annotation["score"] == pytest.approx(native["score"], abs=1e-4)
    assert len(native["keypoints"]) == 19
    xy = {keypoint["name"]: (keypoint["x"], keypoint["y"]) for keypoint in native["keypoints"]}
    expected = np.array([xy[name] for name in coco17.keypoints])
    assert np.reshape(annotation["keypoints"], (17, 3))[:, :2] == pytest.approx(expected, abs=0.01)


def test_openpose_has_its_own_order_and_zeros_for_what_is_not_known(client):
    body = ask(client, format="openpose")
    assert body["version"] == 1.3
    assert len(body["people"]) == 2
    for person in body["people"]:
        assert person["person_id"] == [-1]
        triples = dict(zip(OPENPOSE_18, np.reshape(person["pose_keypoints_2d"], (18, 3)), strict=True))
        assert triples["left_wrist"][:2] == pytest.approx(ramp_joints(SIZE)[NAMES.index("left_wrist")], abs=0.3)
        assert triples["nose"].tolist() == [0, 0, 0]


def test_all_forms_tell_the_same(client):
    native, coco, openpose = (ask(client, format=name) for name in ("native", "coco", "openpose"))
    for one, two, three in zip(native["poses"], coco["annotations"], openpose["people"], strict=True):
        assert joints(one) == pytest.approx(np.reshape(two["keypoints"], (14, 3))[:, :2], abs=0.01)
        neck = np.reshape(three["pose_keypoints_2d"], (18, 3))[OPENPOSE_18.index("neck"), :2]
        assert neck == pytest.approx(joints(one)[NAMES.index("neck")], abs=0.01)


def test_an_unknown_form_is_refused_with_the_known_ones(client):
    answer = client.post("/pose", content=PNG, params={"format": "yolo"})
    assert "'native', 'coco' or 'openpose'" in assert_problem(answer, 422)


def test_a_skeleton_without_shoulders_has_no_openpose_form(spec):
    from dataclasses import replace

    names = tuple(f"point_{i}" for i in range(14))
    own = replace(spec, skeleton=Skeleton("own", names, tuple(range(14)), ((0, 1),), (0.1,) * 14, (0, 1)))
    with serving(Reader(own)) as client:
        answer = client.post("/pose", content=PNG, params={"format": "openpose"})
        assert "ask for native or coco" in assert_problem(answer, 422)


def test_a_batch_answers_each_image_in_order_and_a_bad_one_fails_alone(client):
    from tests.support.ramps import ramp_image

    sizes = [(200, 260), (260, 200)]
    good = [encoded(ramp_image(size), "JPEG", quality=95) for size in sizes]
    parts = [good[0], b"%PDF-1.7", good[1], PNG[:300], b""]
    answer = client.post("/pose/batch", files=[("images", ("any name", part)) for part in parts])
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert [r["problem"] and r["problem"]["status"] for r in results] == [None, 415, None, 422, 415]
    for result, size in zip([results[0], results[2]], sizes, strict=True):
        assert (result["answer"]["width"], result["answer"]["height"]) == size
        assert abs(joints(result["answer"]["poses"][0]) - ramp_joints(size)).max() < 1.5


def test_a_batch_of_images_shares_runs_of_the_model(spec):
    runtime = Reader(spec)
    with serving(runtime, max_batch=16, max_wait_ms=1000) as client:
        runtime.batches.clear()
        client.post("/pose/batch", files=[("images", PNG)] * 4)
    assert sum(runtime.batches) == 12  # three passes each
    assert len(runtime.batches) < 12


@pytest.mark.parametrize(
    ("request_", "detail"),
    [
        ({"content": PNG}, "multipart form"),
        ({"files": [("image", PNG)]}, "'image'"),
        ({"files": [("images", PNG)], "data": {"boxes": "[]"}}, "'boxes'"),
        ({"files": [("images", (None, "text"))]}, "'images'"),
        ({"files": [("images", PNG)] * 3}, "Too many files"),
        (form(), "'image'"),
    ],
)
def test_refused_batches(spec, request_, detail):
    with serving(Reader(spec), max_images=2) as client:
        assert detail in assert_problem(client.post("/pose/batch", **request_), 422)


def test_models_say_what_answers_mean(spec):
    with serving(Reader(spec)) as client:
        [model] = client.get("/models").json()["models"]
    assert model["keypoints"] == list(NAMES)
    assert [tuple(limb) for limb in model["limbs"]] == list(SKELETONS["lsp14"].limbs)
    assert (model["name"], model["engine"], model["input_wh"]) == ("ramp", RampReader.engine, [64, 96])
