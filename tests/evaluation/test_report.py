import base64
import re

import cv2
import numpy as np
import pytest

from unipose.core.image import encode_image
from unipose.evaluation.report import reliability_plot, tables, to_html

REPORT = {
    "metric": "PCK@0.2", "mean": 51.234, "people": 3, "boxes": "truth", "flip": True, "decoder": "dark",
    "engine": "torch",
    "model": {"file": "<m>.onnx", "sha256": "ab" * 32}, "data": {"file": "d.json", "sha256": "cd" * 32},
    "per_keypoint": {"neck": 70.06, "left_wrist": None}, "by_size": {"smallest third": 12.0},
}  # fmt: skip


def test_the_page_holds_everything_and_is_escaped():
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    page = to_html(REPORT, encode_image(picture, ".png"))
    for text in ("&lt;m&gt;.onnx", "51.2", "neck", "70.1", "no label", "smallest third", "ab" * 32, "dark"):
        assert text in page
    assert "<m>" not in page and "http" not in page and "<script" not in page
    [inside] = re.findall(r"base64,([^\"]+)", page)
    decoded = cv2.imdecode(np.frombuffer(base64.b64decode(inside), np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(decoded[..., ::-1], picture)


PNG = encode_image(np.zeros((9, 9, 3), np.uint8), ".png")
RELIABILITY = {
    "reliability": [{"keypoints": 30, "score": 0.25, "right": 0.2}, {"keypoints": 9, "score": 0.9, "right": 1}]
}
EMPTY = {
    "empty": {
        "photos": 3,
        "shown": 1,
        "threshold": 0.3,
        "auroc": 0.98765,
        "median_with_person": 0.7,
        "median_without": 0.2,
    }
}


def test_reliability_is_a_table_and_a_picture():
    page = to_html(
        {**REPORT, **RELIABILITY, **EMPTY},
        encode_image(np.zeros((9, 9, 3), np.uint8), ".png"),
        reliability_plot({**REPORT, **RELIABILITY}),
    )
    for text in ("scored 0.25 in the mean (30)", "20.0", "100.0", "3 photos without", "0.988"):
        assert text in page
    assert page.count("data:image/png") == 2


@pytest.mark.parametrize(
    ("extra", "names"),
    [({}, 2), ({"coco": {"AP": 1.0}, "decoders": {"argmax": 2.0}}, 4), ({**RELIABILITY, **EMPTY}, 4)],
)
def test_tables(extra, names):
    assert len(tables({**REPORT, **extra})) == names
