import numpy as np
import pytest

from unipose.core.pose import Pose
from unipose.inference.crop_box import crop_box

PAD = 0.15 * 24  # of the taller side of the two sure keypoints' pixels, 10 x 24


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        ([0.9, 0.9, 0.05], [10 - PAD, 10 - PAD, 20 + PAD, 34 + PAD]),
        ([0.9, 0.05, 0.05], [0, 0, 50, 36]),  # one sure keypoint says nothing: the old box stays
    ],
)
def test_crop_box(score, expected):
    pose = Pose(np.array([[10.0, 10], [19, 33], [12, 20]]), np.array(score), np.array([0.0, 0, 50, 36]))
    assert crop_box(pose, (50, 40)) == pytest.approx(expected)
    shallow = crop_box(pose, (22, 36))
    assert shallow == pytest.approx(np.minimum(expected, [22, 36, 22, 36]) if score[1] > 0.5 else expected)
