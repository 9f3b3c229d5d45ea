"""README's picture, from a drawn video: the skeletons alone, in a row."""

import numpy as np
import pytest

from docs.figures.walkers import GROUND, HEIGHT, MARGIN, find, strip
from tests.support.documents import make_playground
from unipose.core.pose import Pose


@pytest.fixture(scope="module")
def playground(tmp_path_factory):
    return make_playground(tmp_path_factory.mktemp("walkers")).folder


def test_the_pose_of_each_time_is_found(playground):
    first, later = find(playground / "match.mp4", [0.04, 0.12])
    moved = np.median(later.xy_image - first.xy_image, axis=0)
    np.testing.assert_allclose(moved, [4, 0], atol=1.5)  # 2 pixels a frame


def test_a_time_after_the_end_is_refused(playground):
    with pytest.raises(ValueError, match=r"match\.mp4: nobody is found 9 s after its beginning"):
        find(playground / "match.mp4", [0.0, 9])


def test_skeletons_stand_in_a_row_at_one_scale():
    rng = np.random.default_rng(1)
    shape = rng.uniform((0, 0), (30, 60), (19, 2))
    poses = [Pose(factor * shape + place, np.ones(19), np.zeros(4)) for factor, place in ((1, 5), (2, 90))]
    picture = strip(poses)
    drawn = (picture != GROUND).any(axis=2)
    assert picture.shape[0] == HEIGHT
    columns = np.flatnonzero(drawn.any(axis=0))
    [gap] = np.flatnonzero(np.diff(columns) > MARGIN)
    small, large = drawn[:, : columns[gap] + 1], drawn[:, columns[gap] + 1 :]
    heights = [np.ptp(np.flatnonzero(half.any(axis=1))) for half in (small, large)]
    assert heights[1] == pytest.approx(2 * heights[0], rel=0.15)
    assert abs(np.flatnonzero(small.any(axis=1)).max() - np.flatnonzero(large.any(axis=1)).max()) < MARGIN / 2
