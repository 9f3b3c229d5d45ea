"""The comparison without MediaPipe: its place is taken by a function that sees one bright pixel, or nobody."""

import json

import numpy as np
import pytest

import unipose
from docs.peers.mediapipe_pose import COCO, MediaPipe, rows
from unipose.core.picture import Picture
from unipose.datasets.records import read_records
from unipose.datasets.synthetic.images import draw_sample
from unipose.evaluation.evaluator import EvaluationOptions, evaluate
from unipose.evaluation.people import BODY
from unipose.weights import named_model

BRIGHT = (37, 21)


def bright(image):
    """All keypoints at the middle of the brightest pixel, as shares of the image."""
    height, width = image.shape[:2]
    y, x = np.unravel_index(image[..., 0].argmax(), (height, width))
    return np.tile([(x + 0.5) / width, (y + 0.5) / height, 0.7], (17, 1)) if image.max() else None


@pytest.fixture
def image():
    pixels = np.zeros((50, 80, 3), np.uint8)
    pixels[BRIGHT[1], BRIGHT[0]] = 255
    return pixels


@pytest.mark.parametrize("box", [None, (30, 10, 61.5, 44), (30.6, 20.2, 300, 44), (-9, -3, 38, 22)])
def test_keypoints_are_those_of_the_image(image, box):
    [pose] = MediaPipe(bright).flow(Picture(image), None if box is None else np.array([box], np.float64))
    np.testing.assert_allclose(pose.xy_image, np.tile(BRIGHT, (17, 1)), atol=1e-6)
    assert (pose.score == 0.7).all()


def test_nobody_is_nobody_and_in_a_box_a_pose_that_is_wrong(image):
    dark = np.zeros_like(image)
    peer = MediaPipe(bright)
    assert [len(poses) for poses in peer.finish([peer.flow(Picture(dark)), peer.flow(Picture(image))])] == [0, 1]
    nobody, somebody = peer.flow(Picture(image), np.array([[0, 0, 20, 20], [30, 10, 50, 30]], float))
    assert np.isnan(nobody.xy_image).all() and np.isfinite(somebody.xy_image).all()


def test_a_margin_shows_what_is_beside_the_box(image):
    box = np.array([[40, 10, 60, 30]], np.float64)  # BRIGHT is 3 pixels to the left of it
    for margin, seen in ((0.1, False), (0.2, True)):
        [pose] = MediaPipe(bright, margin).flow(Picture(image), box)
        assert np.isfinite(pose.xy_image).all() == seen


@pytest.fixture
def sets(tmp_path):
    """The drawn figures as LSP, and with COCO's keypoints, the nose made up, as COCO."""
    draw_sample(tmp_path, count=30, seed=4, size_wh=(320, 240), figures=(1,))
    lsp = read_records(tmp_path / "test.json")
    content = json.loads(lsp.path.read_text(encoding="utf-8"))
    for person, record in zip(content["annotations"], lsp.onto(COCO).records, strict=True):
        keypoints = np.column_stack([record.xy_image, 2 * record.labelled])
        keypoints[0] = [*record.xy_image[5:7].mean(axis=0), 2]
        person |= {"keypoints": keypoints.ravel().tolist(), "num_keypoints": int((keypoints[:, 2] > 0).sum())}
    content["categories"] = [COCO.to_coco_category()]
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return lsp, read_records(path)


def test_the_rows_are_those_of_evaluate(sets):
    lsp, coco = sets
    table = dict(
        rows({"int8": unipose.load("int8"), "peer": MediaPipe(bright)}, lsp, coco, [lsp.path.parent / "images"])
    )
    model = named_model("int8")
    per_keypoint = [
        evaluate(model, lsp, EvaluationOptions(boxes=boxes)).report["per_keypoint"] for boxes in ("truth", "detector")
    ]
    for where, shares in zip(("annotated boxes", "the photograph alone"), per_keypoint, strict=True):
        mean = np.mean([shares[name] for name in BODY])  # every joint is labelled in every figure
        assert table[f"LSP, {where}, 12 joints, PCK@0.2"][0] == f"{mean:.1f}"
    assert table["COCO, true boxes: of 6, in which a pose is found"] == ["6", "6"]
    numbers = evaluate(model, coco).report["coco"]
    ap, ap12 = (table[f"COCO, true boxes, {count} joints, OKS AP / AP50 / AP75"] for count in (17, 12))
    assert ap[0] == " / ".join(f"{numbers[key]:.1f}" for key in ("AP", "AP50", "AP75"))
    assert float(ap12[0].split()[0]) > float(ap[0].split()[0])  # the made-up nose, which is wrong, is left out
    covered = evaluate(model, coco, EvaluationOptions(boxes="detector")).report["covered"]
    threshold = unipose.load("int8").spec.person_score.threshold
    [shown] = [row for row in covered if row["threshold"] == threshold]
    [people] = [cells for name, cells in table.items() if "right pose" in name]
    assert people == [f"{shown['covered']:.1f} at {shown['answers']:.2f}", "0.0 at 6.00"]
    assert table["images: of 30 pictures, on which somebody is found"][1] == "30"
    assert float(table["a photograph of LSP, ms"][0]) > 0
