import json

import cv2
import make_sample
import numpy as np
import pytest

from unipose.core.skeleton import SKELETONS
from unipose.datasets.records import read_records
from unipose.datasets.synthetic.clips import draw_clip, draw_clips

SIZE_WH = (120, 90)


def draw(number: int, frames: int = 8, **options):
    return draw_clip(np.random.default_rng((0, number)), frames, SIZE_WH, **options)


def test_the_files(tmp_path):
    train_path, test_path = draw_clips(tmp_path, count=5, frames=3, seed=7, size_wh=SIZE_WH)
    train, test = read_records(train_path), read_records(test_path)
    assert train.skeleton is SKELETONS["lsp14"]
    assert (len(train.records), len(test.records)) == (12, 3)
    content = json.loads(test_path.read_text())
    assert content["videos"] == [{"id": 5, "name": "0005"}]
    assert [(i["video_id"], i["frame_id"]) for i in content["images"]] == [(5, 1), (5, 2), (5, 3)]
    clip = draw_clip(np.random.default_rng((7, 5)), 3, SIZE_WH)
    for i, record in enumerate(test.records):
        stored = cv2.imread(str(record.image_path))[..., ::-1]
        assert np.abs(stored.astype(int) - clip.images[i]).mean() < 12  # JPEG, and colour at half resolution
        np.testing.assert_allclose(record.xy_image, clip.xy_image[i], atol=1e-3)
        np.testing.assert_allclose(record.box_xyxy, clip.boxes_xyxy[i], atol=1e-3)
        assert record.labelled.all()
        assert record.visible.tolist() == (clip.visibility[i] == 2).tolist()


@pytest.mark.parametrize(("count", "frames", "size_wh"), [(4, 3, (96, 96)), (5, 0, (96, 96)), (5, 3, (96, 63))])
def test_too_few_or_too_small_clips_are_refused(tmp_path, count, frames, size_wh):
    with pytest.raises(ValueError, match="at least 5 clips of 1 frame of 64x64 pixels"):
        draw_clips(tmp_path, count, frames, size_wh=size_wh)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", range(8))
def test_a_figure_moves_smoothly_and_stays_within_the_image(number):
    clip = draw(number, frames=50)
    assert (clip.xy_image > -0.5).all() and (clip.xy_image < np.array(SIZE_WH) - 0.5).all()
    assert (clip.boxes_xyxy[:, :2] >= 0).all() and (clip.boxes_xyxy[:, 2:] <= SIZE_WH).all()
    torso = np.linalg.norm(clip.xy_image[:, 9] - clip.xy_image[:, 2], axis=-1).mean()
    step = np.diff(clip.xy_image, axis=0)
    assert np.ptp(clip.xy_image, axis=0).max() > 0.5 * torso
    assert np.linalg.norm(step, axis=-1).max() < 0.6 * torso
    # No jerk: the step itself changes little from one frame to the next.
    assert np.linalg.norm(np.diff(step, axis=0), axis=-1).max() < 0.25 * torso


def test_the_motion_does_not_depend_on_the_frame_rate():
    slow, fast = draw(3, 5, fps=10, occluders=0), draw(3, 9, fps=20, occluders=0)
    np.testing.assert_allclose(slow.xy_image, fast.xy_image[::2], atol=1e-9)


def test_occluders_cover_joints_for_a_while():
    free = draw(2, 25, occluders=0)
    covered = draw(2, 25, occluders=8.0)
    hidden = (covered.visibility == 1).sum() - (free.visibility == 1).sum()
    assert hidden > 0.05 * covered.visibility.size
    changes = np.diff(covered.visibility, axis=0) != 0
    assert 0 < changes.sum() < 0.2 * covered.visibility.size


def test_the_exposure_blurs_the_moving_figure_and_nothing_else():
    sharp, blurred = (draw(4, 1, occluders=0, shutter=(part, part)).images[0].astype(int) for part in (0.0, 2.0))
    difference = np.abs(sharp - blurred).sum(axis=2)
    box = draw(4, 1, occluders=0).boxes_xyxy[0].astype(int)
    inside = np.zeros(difference.shape, bool)
    inside[box[1] - 3 : box[3] + 3, box[0] - 3 : box[2] + 3] = True
    assert difference[inside].max() > 60
    assert difference[~inside].max() <= 6  # rounding


def test_the_same_seed_draws_the_same_clip():
    a, b, c = draw(1, 2), draw(1, 2), draw(2, 2)
    assert all((x == y).all() for x, y in zip(a.images, b.images, strict=True))
    assert (a.images[0] != c.images[0]).any()


def test_the_command(tmp_path, capsys):
    arguments = ["--out", str(tmp_path), "--width", "80", "--height", "64", "--frames", "2", "--count"]
    assert make_sample.main([*arguments, "4"]) == 2
    assert "at least 5 clips" in capsys.readouterr().err
    assert make_sample.main([*arguments, "5"]) == 0
    assert "5 clips of 2 frames -> " in capsys.readouterr().out
    assert len(json.loads((tmp_path / "train.json").read_text())["images"]) == 8
