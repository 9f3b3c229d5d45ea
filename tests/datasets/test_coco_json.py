import json

import numpy as np
import pytest

from unipose.core.skeleton import SKELETONS
from unipose.datasets.coco_json import box_around, document, outside, write_changed, write_json
from unipose.datasets.records import read_records

SIZE = (60, 40)


@pytest.mark.parametrize(
    ("xy", "padding", "expected"),
    [
        ([[10, 20], [29, 24]], 0.0, [10, 20, 30, 25]),
        ([[10, 20], [29, 24]], 0.1, [8, 18, 32, 27]),
        ([[-3, 20], [58, 39]], 0.5, [0, 0, 60, 40]),  # clipped
        ([[10, 20], [10, 20]], 0.1, [0, 0, 60, 40]),  # one place has no extent
        (np.empty((0, 2)), 0.1, [0, 0, 60, 40]),
    ],
)
def test_the_box_around_a_persons_keypoints(xy, padding, expected):
    assert box_around(np.array(xy, float), SIZE, padding).tolist() == expected


def test_labels_more_than_two_pixels_outside_their_image():
    xy = np.array([[[-2.5, 5], [-2.6, 5], [30, 41.5]], [[30, 41.6], [61.5, 20], [62, 20]]])
    assert outside(xy, SIZE).tolist() == [[False, True, False], [True, False, True]]


@pytest.mark.parametrize("complete", [True, False])
def test_a_file_says_whether_everybody_is_listed(tmp_path, complete):
    write_json(tmp_path / "set.json", document(SKELETONS["lsp14"], [], [], "nobody", ".", complete=complete))
    assert read_records(tmp_path / "set.json").complete == complete


def test_a_changed_file_elsewhere_finds_the_same_images(tmp_path):
    original, path = tmp_path / "a" / "set.json", tmp_path / "b" / "c" / "changed.json"
    content = {"info": {"image_root": "images", "description": "d"}, "images": []}
    write_changed(path, content | {"images": [1]}, original)
    assert json.loads(path.read_text()) == {
        "info": {"image_root": "../../a/images", "description": "d"}, "images": [1],
    }  # fmt: skip
