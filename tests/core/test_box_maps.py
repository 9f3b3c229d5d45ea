import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unipose.core.box_maps import decode, encode

SIZE = (30, 22)
BOXES = np.array([[2.3, 1.2, 8.9, 15.8], [14.1, 4.0, 21.7, 20.3], [24.2, 2.6, 28.8, 6.1]])


def perfect(target) -> np.ndarray:
    """The maps of a network that has learned a target exactly."""
    x, y = np.arange(SIZE[0]) + 0.5, np.arange(SIZE[1])[:, None] + 0.5
    left, top, right, bottom = target.edges_xyxy
    distances = np.maximum([x - left, y - top, right - x, bottom - y], 1e-3)
    p = np.clip(target.centre, 1e-4, 1 - 1e-4)
    return np.concatenate([np.log(p / (1 - p))[None], np.log(distances)]).astype(np.float32)


def test_boxes_come_back():
    boxes, scores = decode(perfect(encode(BOXES, np.zeros(3, bool), SIZE)), 0.5)
    assert len(boxes) == 3 and (scores > 0.99).all()
    for box in BOXES:
        assert np.abs(boxes - box).sum(axis=1).min() < 0.01


@given(st.integers(0, 2**32 - 1))
def test_a_box_anywhere_comes_back(seed):
    rng = np.random.default_rng(seed)
    side = rng.uniform(1.5, [SIZE[0] - 2, SIZE[1] - 2])
    corner = rng.uniform(0, np.array(SIZE) - side)
    box = np.concatenate([corner, corner + side])
    target = encode(box[None], np.array([False]), SIZE)
    assert target.centre.max() == 1 and target.weight.sum() == pytest.approx(np.log(side.prod() + np.e), rel=1e-4)
    boxes, _ = decode(perfect(target), 0.5)
    assert np.abs(boxes - box).max() < 0.01


def test_the_best_are_first_and_no_more_than_asked():
    maps = np.full((5, SIZE[1], SIZE[0]), -6.0, np.float32)
    for i, logit in enumerate((1.0, 3.0, 2.0, -1.0)):
        maps[:, 4, 4 + 6 * i] = logit
    _, scores = decode(maps, 0.3)
    assert scores == pytest.approx([1 / (1 + np.exp(-logit)) for logit in (3.0, 2.0, 1.0)])
    assert len(decode(maps, 0.3, most=2)[1]) == 2
    assert len(decode(maps, 0.99)[0]) == 0


def test_a_neighbour_of_a_peak_is_no_peak():
    maps = np.full((5, SIZE[1], SIZE[0]), -6.0, np.float32)
    maps[0, 7:9, 5:7] = [[2.0, 2.5], [1.0, 1.5]]
    assert len(decode(maps, 0.2)[0]) == 1


def test_an_ignored_person_is_neither_asked_for_nor_punished():
    target = encode(BOXES, np.array([False, True, False]), SIZE)
    assert not target.counted[6:18, 16:20].any() and target.counted[:, :9].all()
    assert target.centre[:, 15:22].max() < 0.05 and not target.weight[:, 15:22].any()


def test_of_two_people_the_smaller_keeps_its_cells():
    large, small = [1.0, 1.0, 29.0, 21.0], [12.0, 9.0, 17.0, 13.0]
    target = encode(np.array([small, large]), np.zeros(2, bool), SIZE)
    assert (target.edges_xyxy[:, 11, 14] == small).all()
    owners = {tuple(box) for box in target.edges_xyxy.reshape(4, -1).T.tolist()} - {(0.0,) * 4}
    assert owners == {tuple(large), tuple(small)}


def test_nobody_gives_empty_maps():
    target = encode(np.zeros((0, 4)), np.zeros(0, bool), SIZE)
    assert not target.centre.any() and not target.weight.any() and target.counted.all()
