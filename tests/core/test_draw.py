import numpy as np
import pytest

from unipose.core.draw import COLOURS, MIN_SCORE, PEOPLE, contact_sheet, draw_boxes, draw_poses, side
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
    assert np.array_equal(draw_poses(image, [pose(MIN_SCORE - 0.01)], LSP), image)
    assert not np.array_equal(draw_poses(image, [pose(MIN_SCORE - 0.01)], LSP, min_score=0.1), image)


@pytest.mark.parametrize("score", [float("nan"), 30, -0.1])
def test_a_least_score_that_cannot_be(score):
    with pytest.raises(ValueError, match=f"of a keypoint, is a number from 0 to 1, got {score}"):
        draw_poses(np.zeros((9, 9, 3), np.uint8), [], LSP, score)


def figure(at, **more):
    """A person of 200 pixels, whose left side is left of their right."""
    xs = [20 if name.startswith("left") else 80 if name.startswith("right") else 50 for name in LSP.keypoints]
    ys = np.arange(14) * 15.0
    xy = np.stack([np.array(xs, float), ys], 1) + at
    return Pose(xy, np.full(14, 0.9), np.array([*at, at[0] + 100.0, at[1] + 200.0]), **more)


def colours(drawn):
    return {tuple(pixel) for pixel in drawn.reshape(-1, 3).tolist()}


def test_people_differ_and_their_sides_too():
    image = np.full((260, 1000, 3), 30, np.uint8)
    drawn = draw_poses(image, [figure((150 * i + 20, 20)) for i in range(6)], LSP)
    for i in range(6):
        there = colours(drawn[:, 150 * i : 150 * i + 150])
        assert {PEOPLE[i], *COLOURS.values()} <= there
        assert not there & {PEOPLE[j] for j in range(6) if j != i}


def test_a_colour_stays_with_an_id():
    image = np.full((260, 400, 3), 30, np.uint8)
    one, two = figure((20, 40), track_id=2), figure((220, 40), track_id=5)
    for people in ([one, two], [two]):
        there = colours(draw_poses(image, people, LSP)[60:, 200:])
        assert PEOPLE[4] in there and PEOPLE[1] not in there


def test_the_better_is_drawn_over_the_worse():
    image = np.full((260, 200, 3), 30, np.uint8)
    drawn = draw_poses(image, [figure((20, 20)), figure((20, 20))], LSP)
    assert PEOPLE[0] in colours(drawn) and PEOPLE[1] not in colours(drawn)


def test_an_id_is_written_within_the_picture():
    image = np.full((260, 200, 3), 30, np.uint8)
    without, with_id = (draw_poses(image, [figure((20, 0), track_id=i, probability=0.5)], LSP) for i in (1, 7777))
    assert (without != with_id).any()
    assert (with_id[:12] == 255).all(axis=2).any()


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


@pytest.mark.parametrize(("size_wh", "thickness"), [((60, 40), 1), ((600, 400), 2)])
def test_a_boxs_outline_lies_within_it(size_wh, thickness):
    image = np.full((size_wh[1], size_wh[0], 3), 30, np.uint8)
    drawn = draw_boxes(image, np.array([[8.2, 5.4, 30.8, 21.6]]), (255, 120, 0))
    assert (image == 30).all() and colours(drawn) == {(30, 30, 30), (255, 120, 0)}
    rows, columns = np.nonzero(drawn[..., 0] == 255)
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (8, 5, 31, 22)
    assert (drawn[5 + thickness : 22 - thickness, 8 + thickness : 31 - thickness] == 30).all()
    assert (drawn[5 : 5 + thickness, 8:31] == (255, 120, 0)).all()


def test_boxes_beyond_the_image_are_drawn_as_far_as_they_are_seen():
    image = np.zeros((40, 60, 3), np.uint8)
    drawn = draw_boxes(image, np.array([[-10.0, 10, 20, 90], [70, 50, 80, 60]]), (9, 9, 9))
    rows, columns = np.nonzero(drawn[..., 0])
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (0, 10, 20, 40)
    assert np.array_equal(draw_boxes(image, np.empty((0, 4)), (9, 9, 9)), image)
