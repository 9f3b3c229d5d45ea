from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from unipose.core.pose import Pose
from unipose.core.skeleton import SKELETONS
from unipose.tracking.tracker import Tracker, assign

LSP = SKELETONS["lsp14"]
FIGURE = np.stack([np.linspace(-20, 25, 14), np.linspace(-60, 55, 14) * (np.arange(14) * 5 % 7 / 7 + 0.3)], 1)


def person(x, y, score=0.8, scale=1.0):
    xy = FIGURE * scale + (x, y)
    return Pose(xy, np.full(14, score), np.concatenate([xy.min(0) - 5, xy.max(0) + 6]))


def ids(tracker, frames, rate=25.0):
    """frames: per frame its people -> per frame the ids, in the order of the people given (None: not told)."""
    out = []
    for i, people in enumerate(frames):
        told = tracker.update(people, i / rate)
        ids = {tuple(pose.xy_image[0]): pose.track_id for pose in told}
        out.append([ids.get(tuple(pose.xy_image[0])) for pose in people])
    return out


def test_two_who_cross_keep_their_ids():
    frames = [[person(50 + 12 * i, 100), person(410 - 12 * i, 110, scale=1.1)] for i in range(30)]
    found = ids(Tracker(LSP), frames)
    assert {tuple(frame) for frame in found[:12] + found[19:]} == {(1, 2)}
    assert all(id in (1, 2, None) for frame in found for id in frame)  # where one covers the other, one is told


def test_the_order_in_which_people_come_does_not_matter():
    frames = [[person(50, 100), person(300, 100)][:: 1 if i % 2 else -1] for i in range(6)]
    found = ids(Tracker(LSP), frames)
    assert found == [[1, 2][:: 1 if found[1] == [1, 2] else -1][:: 1 if i % 2 else -1] for i in range(6)]


@pytest.mark.parametrize(("hidden", "after"), [(10, 1), (24, 1), (40, 2)])
def test_an_id_outlives_a_second_out_of_sight(hidden, after):
    frames = [[person(100 + 2 * i, 100)] for i in range(10)] + [[]] * hidden
    frames += [[person(120 + 2 * hidden, 104)]] * 3
    assert ids(Tracker(LSP, memory=1.0), frames)[-1] == [after]


def test_somebody_elsewhere_is_somebody_else():
    frames = [[person(100, 100)]] * 5 + [[]] * 5 + [[person(600, 300)]]
    assert ids(Tracker(LSP), frames)[-1] == [2]


def test_one_person_found_twice_counts_once():
    better, worse = person(100, 100, 0.9), person(103, 101, 0.7)
    tracker = Tracker(LSP)
    for i in range(5):
        [told] = tracker.update([worse, better], i / 25)
        assert told.track_id == 1 and np.array_equal(told.xy_image, better.xy_image)
    assert len(tracker.tracks) == 1


def test_a_doubtful_pose_goes_on_but_does_not_begin():
    assert ids(Tracker(LSP, threshold=0.2), [[person(100, 100, 0.25)]] * 3) == [[None]] * 3
    assert ids(Tracker(LSP, threshold=0.2), [[person(100, 100, 0.5)], [person(101, 100, 0.25)]]) == [[1], [1]]
    assert ids(Tracker(LSP, threshold=0.2), [[person(100, 100, 0.5)], [person(101, 100, 0.15)]]) == [[1], [None]]


def test_a_probability_decides_where_there_is_one():
    """Good keypoints on a coat rack are no person, and a person who is mostly hidden is one."""
    rack, hidden = (replace(person(x, 100, s), probability=p) for x, s, p in ((100, 0.8, 0.1), (400, 0.2, 0.7)))
    assert ids(Tracker(LSP), [[rack, hidden]] * 3) == [[None, 1]] * 3


def test_between_detections_nobody_begins_and_the_last_probability_holds():
    tracker = Tracker(LSP, threshold=0.8)
    [told] = tracker.update([replace(person(100, 100), probability=0.95)], 0.0)
    assert (told.track_id, told.probability) == (1, 0.95)
    [told] = tracker.update([person(101, 100), person(400, 100, 0.99)], 0.04, detected=False)
    assert (told.track_id, told.probability) == (1, 0.95)


@pytest.mark.parametrize(("score", "found", "doubtful"), [(0.7, 1, False), (0.5, 1, True), (0.15, 0, True)])
def test_who_scores_much_less_than_when_detected_is_in_doubt(score, found, doubtful):
    tracker = Tracker(LSP)
    tracker.update([person(100, 100)], 0.0)
    assert not tracker.doubtful
    assert len(tracker.update([person(101, 100, score)], 0.04, detected=False)) == found
    assert tracker.doubtful == doubtful
    tracker.update([person(102, 100, score)], 0.08)
    assert not tracker.doubtful


def test_times_may_be_uneven_and_a_frame_empty():
    tracker = Tracker(LSP)
    assert tracker.update([], 0.0) == []
    for time in (0.1, 0.13, 0.4, 0.41):
        assert [pose.track_id for pose in tracker.update([person(100 + 40 * time, 100)], time)] == [1]


@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
@example(5, 1255)  # unseen just after jitter that looked like motion
def test_ids_never_multiply(count, seed):
    """People apart from each other, shaken and sometimes unseen: as many ids as people."""
    rng = np.random.default_rng(seed)
    start = np.stack([200.0 * np.arange(count), rng.uniform(0, 300, count)], 1)
    velocity = rng.uniform(-1, 1, (count, 2))
    tracker, told = Tracker(LSP), set()
    for i in range(25):
        seen = [person(*(start[p] + velocity[p] * i + rng.normal(0, 2, 2))) for p in range(count) if rng.random() > 0.2]
        told |= {pose.track_id for pose in tracker.update(seen, i / 25)}
    assert len(told) <= count


@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 2**32 - 1))
def test_pairs_are_the_best_there_are(rows, columns, seed):
    similarity = np.random.default_rng(seed).random((rows, columns))
    pairs = assign(similarity)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == min(rows, columns)
    given, other = (similarity, columns) if rows <= columns else (similarity.T, rows)
    best = max(sum(given[i, j] for i, j in enumerate(order)) for order in permutations(range(other), len(given)))
    assert sum(similarity[row, column] for row, column in pairs) == pytest.approx(best)
