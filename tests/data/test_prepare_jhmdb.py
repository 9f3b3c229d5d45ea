from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from prepare_jhmdb import main
from scipy.io import savemat

from unipose.core.skeleton import SKELETONS
from unipose.datasets.records import clips, read_records

SIZE_WH = (64, 48)


def write_clip(root: Path, action: str, clip: str, frames: int, **changes) -> None:
    """Joint k of frame t at (10.5 + 3 k + t, 8.5 + 2 k), from a pixel edge."""
    folder = root / "Rename_Images" / action / clip
    folder.mkdir(parents=True)
    for t in range(1, frames + 1):
        Image.new("RGB", SIZE_WH).save(folder / f"{t:05d}.png")
    k, t = np.arange(15)[:, None], np.arange(frames)
    positions = np.stack([10.5 + 3 * k + t, np.broadcast_to(8.5 + 2 * k, (15, frames))])
    labels = root / "joint_positions" / action / clip
    labels.mkdir(parents=True)
    savemat(labels / "joint_positions.mat", {"pos_img": positions, "scale": np.ones(frames)} | changes)


@pytest.fixture
def jhmdb(tmp_path):
    root = tmp_path / "JHMDB"
    for action, clip in (("catch", "one"), ("catch", "two"), ("run", "one"), ("run", "left_out")):
        write_clip(root, action, clip, 2 if action == "run" else 3)
    (root / "splits").mkdir()
    (root / "splits/catch_test_split2.txt").write_text("one.avi 1 \ntwo.avi 2 \n", encoding="utf-8-sig")
    (root / "splits/run_test_split2.txt").write_text("one.avi 1 \nleft_out.avi 0\n")
    return root


def test_clips(jhmdb, tmp_path, capsys):
    assert main([str(jhmdb), "--split", "2", "--out", str(tmp_path / "out")]) == 0
    assert "2 clips, 5 frames -> " in capsys.readouterr().out
    train, test = (read_records(tmp_path / "out" / f"{half}.json") for half in ("train", "test"))
    assert train.skeleton is SKELETONS["jhmdb15"]
    assert [len(clip) for clip in clips(train.records)] == [3, 2]
    [clip] = clips(test.records)
    assert [r.image_path.relative_to(tmp_path / "out").parts[-3:] for r in clip[:1]] == [("catch", "two", "00001.png")]
    for t, record in enumerate(clip):
        np.testing.assert_allclose(record.xy_image[4], (22 + t, 16))
        # Joints from x = 10 to 52, so 43 pixels, of which 15 % are 6.45; further from the second frame on.
        assert record.labelled.all()
        np.testing.assert_allclose(record.box_xyxy[:2], (max(10 + t - 6.45, 0), 8 - 6.45))


def test_joints_far_outside_their_image_are_not_labelled(jhmdb, tmp_path):
    positions = np.full((2, 15, 2), 20.0)
    positions[0, 7:9, 1] = -1.5, -2.5  # edges: 2 and 3 pixels to the left of the first pixel's centre
    write_clip(jhmdb, "run", "three", 2, pos_img=positions)
    (jhmdb / "splits/run_test_split2.txt").write_text("three.avi 2\n")
    assert main([str(jhmdb), "--split", "2", "--out", str(tmp_path / "out")]) == 0
    first, second = read_records(tmp_path / "out/test.json").records[-2:]
    assert first.labelled.all()
    assert np.flatnonzero(~second.labelled).tolist() == [8]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pos_img": np.ones((2, 14, 2))}, "pos_img must be (2, 15, frames), got (2, 14, 2)"),
        ({"pos_img": np.ones((2, 15, 3))}, "Rename_Images/run/two/00003.png is missing"),
        ({"pos_img": "none"}, "is not a MATLAB file with a matrix 'pos_img'"),
    ],
)
def test_damaged_input_is_refused_by_name(jhmdb, refused, changes, message):
    write_clip(jhmdb, "run", "two", 2, **changes)
    (jhmdb / "splits/run_test_split1.txt").write_text("two.avi 1\n")
    refused(main, jhmdb, message)


def test_a_label_without_its_frames_is_refused(jhmdb, refused):
    (jhmdb / "Rename_Images/catch/two").rename(jhmdb / "Rename_Images/catch/three")
    refused(main, jhmdb, "needs exactly one folder catch/two with 00001.png")


def test_a_source_without_labels_is_refused(tmp_path, refused):
    refused(main, tmp_path, "needs joint_positions.mat files and folders with 00001.png")


def test_the_real_clip(tmp_path, real_data):
    """A goal keeper: 40 frames; hand-placed joints are at whole numbers, and the person's right is on our left."""
    assert main([str(real_data / "jhmdb_clip.zip"), "--out", str(tmp_path)]) == 0
    records = read_records(tmp_path / "clips.json")
    [clip] = clips(records.records)
    assert len(clip) == 40 and clip[0].frame == (1, 1)
    assert clip[0].xy_image[:4].tolist() == [[286, 106], [289, 128], [286, 90], [274, 110]]
    step = np.linalg.norm(np.diff([record.xy_image for record in clip], axis=0), axis=-1)
    assert 0 < np.median(step) < 10
    for record in clip:
        assert record.image_path.is_file()
        assert (record.box_xyxy[2:] <= (320, 240)).all()
        inside = record.xy_image[record.labelled]
        assert (inside >= record.box_xyxy[:2] - 3).all() and (inside <= record.box_xyxy[2:] + 3).all()
