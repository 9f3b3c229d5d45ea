import numpy as np
import pytest

from unipose.core.draw import COLOURS, contact_sheet, draw_poses, side
from unipose.core.pose import Pose
from unipose.core.skeleton import SKELETONS

LSP = SKELETONS["lsp14"]


def pose(score):
    xy = np.stack([np.linspace(20, 180, 14), np.linspace(110, 15, 14)], 1)
    return Pose(xy, np.full(14, score), np.array([0.0, 0, 200, 120]))


def test_keypoints_are_drawn_on_a_copy():
    image = np.full((120, 200, 3), 30, np.uint8)
    drawn = draw_poses(image, [pose(0.9)], LSP)
    assert (image == 30).all()
    for x, y in pose(0.9).xy_image.round().astype(int):
        assert (drawn[y, x] == 255).all()


def test_keypoints_with_low_scores_are_not_drawn():
    image = np.full((120, 200, 3), 30, np.uint8)
    assert np.array_equal(draw_poses(image, [pose(0.05)], LSP), image)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e12, -1e12])
def test_distant_and_missing_points_are_harmless(value):
    broken = pose(0.9)
    broken.xy_image[3] = value
    assert draw_poses(np.zeros((120, 200, 3), np.uint8), [broken], LSP).any()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("left_hip",), "left"),
        (("right_hip", "right_knee"), "right"),
        (("left_hip", "right_hip"), "middle"),
        (("neck",), "middle"),
    ],
)
def test_side(names, expected):
    assert side(*names) == expected
    assert expected in COLOURS


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (3, 1), (4, 2)])
def test_contact_sheet(count, rows):
    images = [np.full((30 + 10 * i, 60, 3), 50 * i + 40, np.uint8) for i in range(count)]
    sheet = contact_sheet(images, columns=3, tile=40)
    assert sheet.shape == (40 * rows, 120, 3)
    for i in range(count):
        top, left = i // 3 * 40, i % 3 * 40
        assert (sheet[top + 1, left + 1] == 50 * i + 40).all()
        assert (sheet[top + 39, left] == (24 if images[i].shape[0] < 58 else 50 * i + 40)).all()
