import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from prepare_penn_action import main
from scipy.io import savemat

from unipose.core.skeleton import SKELETONS
from unipose.datasets.records import clips, read_records

SIZE_WH = (90, 70)


def write_clip(root: Path, number: int, frames: int, train: int, **changes) -> None:
    """Joint k of frame t at (20 + 3 k + t, 15 + 2 k), counted from 1; the first joint is not visible."""
    folder = root / "frames" / f"{number:04d}"
    folder.mkdir(parents=True)
    for t in range(1, frames + 1):
        Image.new("RGB", SIZE_WH).save(folder / f"{t:06d}.jpg")
    k, t = np.arange(13), np.arange(frames)[:, None]
    visibility = np.ones((frames, 13), np.uint8)
    visibility[:, 0] = 0
    values = {
        "action": "tennis_serve", "pose": "back", "train": train, "nframes": frames,
        "x": 20.0 + 3 * k + t, "y": np.broadcast_to(15.0 + 2 * k, (frames, 13)), "visibility": visibility,
        "bbox": np.array([[11.0, 6, 70, 60]] * frames), "dimensions": [SIZE_WH[1], SIZE_WH[0], frames],
    }  # fmt: skip
    (root / "labels").mkdir(exist_ok=True)
    savemat(root / "labels" / f"{number:04d}.mat", values | changes)


@pytest.fixture
def penn(tmp_path):
    root = tmp_path / "Penn_Action"
    write_clip(root, 1, 3, train=1)
    write_clip(root, 2, 2, train=-1, bbox=np.array([[0.0, 0, 0, 0]]))  # a box without area, and a missing one
    return root


@pytest.mark.parametrize(("first_pixel", "shift"), [([], 1), (["--first-pixel", "0"], 0)])
def test_clips(penn, tmp_path, capsys, first_pixel, shift):
    assert main([str(penn), "--out", str(tmp_path / "out"), *first_pixel]) == 0
    assert "1 clips, 3 frames -> " in capsys.readouterr().out
    train, test = (read_records(tmp_path / "out" / f"{half}.json") for half in ("train", "test"))
    assert train.skeleton is SKELETONS["penn13"]
    [clip] = clips(train.records)
    assert [record.frame for record in clip] == [(1, 1), (1, 2), (1, 3)]
    assert [record.image_path.name for record in clip] == ["000001.jpg", "000002.jpg", "000003.jpg"]
    for t, record in enumerate(clip):
        assert record.labelled.tolist() == [False] + [True] * 12
        np.testing.assert_allclose(record.xy_image[5], (35 + t - shift, 25 - shift))
        np.testing.assert_allclose(record.box_xyxy, np.array([11, 6, 70, 60]) - shift)
    for t, record in enumerate(test.records):  # around the twelve joints: 34 x 23, 15 % of 34 more on each side
        edges = np.array([23 + t, 17, 57 + t, 40]) - shift + [-5.1, -5.1, 5.1, 5.1]
        np.testing.assert_allclose(record.box_xyxy, edges)
    assert json.loads((tmp_path / "out/test.json").read_text())["videos"] == [{"id": 1, "name": "0002"}]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": np.ones((3, 12))}, "labels/0003.mat: x, y and visibility must be (frames, 13)"),
        ({"bbox": np.ones((3, 2))}, "labels/0003.mat: x, y and visibility must be (frames, 13), bbox (frames, 4)"),
        ({"x": np.ones((4, 13)), "y": np.ones((4, 13)), "visibility": np.ones((4, 13))}, "frames/0003/000004.jpg is"),
        ({"visibility": "none"}, "labels/0003.mat is not a MATLAB file with a matrix 'visibility'"),
    ],
)
def test_damaged_input_is_refused_by_name(penn, refused, changes, message):
    write_clip(penn, 3, 3, train=1, **changes)
    refused(main, penn, message)


def test_a_source_without_labels_is_refused(tmp_path, refused):
    refused(main, tmp_path, "has no labels/0001.mat")
