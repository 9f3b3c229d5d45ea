import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unipose.tracking.one_euro import OneEuro, Smoother


def filtered(xy, times, settings, size=100.0, scores=None):
    smoother = Smoother(settings)
    scores = np.full(xy.shape[:2], 0.8) if scores is None else scores
    return np.array([smoother(*frame, size, time) for *frame, time in zip(xy, scores, times, strict=True)])


def test_jitter_at_rest_is_reduced():
    rng = np.random.default_rng(0)
    xy = np.full((200, 3, 2), 50.0) + rng.normal(0, 1, (200, 3, 2))
    smooth = filtered(xy, np.arange(200) / 25, OneEuro())
    assert np.abs(np.diff(smooth[50:], 2, axis=0)).mean() < 0.5 * np.abs(np.diff(xy[50:], 2, axis=0)).mean()


@pytest.mark.parametrize("speed", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("rate", [25, 60])
def test_the_lag_is_the_one_it_states(speed, rate):
    settings, size = OneEuro(), 80.0
    times = np.arange(20 * rate) / rate
    xy = np.zeros((len(times), 1, 2))
    xy[:, 0, 0] = speed * size * times
    behind = (xy - filtered(xy, times, settings, size))[-1, 0, 0] / (speed * size)
    assert behind == pytest.approx(settings.lag(speed), rel=0.05)


@given(st.floats(0.1, 10), st.integers(0, 2**32 - 1))
def test_near_and_far_people_are_treated_alike(zoom, seed):
    rng = np.random.default_rng(seed)
    xy, times = rng.uniform(0, 100, (10, 4, 2)), np.cumsum(rng.uniform(0.01, 0.1, 10))
    near = filtered(zoom * xy, times, OneEuro(), 100 * zoom)
    assert np.allclose(near, zoom * filtered(xy, times, OneEuro(), 100), atol=1e-6 * zoom)


def test_time_counts_not_frames():
    """A step seen at twice the rate is as far after the same time, the speed's part apart."""
    step = np.concatenate([np.zeros((1, 1, 2)), np.ones((100, 1, 2))])
    settings = OneEuro(beta=0)
    slow, fast = (filtered(step, np.arange(101) / rate, settings)[:, 0, 0] for rate in (50, 100))
    assert slow[25] == pytest.approx(fast[50], abs=0.03)


def test_the_first_frame_is_what_it_is():
    xy = np.arange(6.0).reshape(1, 3, 2)
    assert np.array_equal(filtered(xy, [3.0], OneEuro()), xy)


def test_a_jump_of_low_score_is_waited_for():
    xy, scores = np.full((40, 1, 2), 50.0), np.full((40, 1), 0.8)
    xy[20:22] += 40
    trusting = filtered(xy, np.arange(40) / 25, OneEuro())
    scores[20:22] = 0.2
    doubting = filtered(xy, np.arange(40) / 25, OneEuro(), scores=scores)
    assert np.abs(doubting - 50).max() < 0.25 * np.abs(trusting - 50).max()


def test_a_keypoint_that_always_has_a_low_score_is_trusted_like_others():
    rng = np.random.default_rng(0)
    xy, times = rng.uniform(0, 100, (30, 2, 2)).cumsum(0), np.arange(30) / 25
    scores = np.tile([0.9, 0.1], (30, 1))
    both = filtered(xy, times, OneEuro(), scores=scores)
    assert np.allclose(both[:, 1], filtered(xy[:, 1:], times, OneEuro())[:, 0])


@pytest.mark.parametrize("wrong", [{"min_cutoff": 0}, {"beta": -1}, {"speed_cutoff": 0}])
def test_cutoffs_that_cannot_be(wrong):
    with pytest.raises(ValueError, match="cutoffs are positive"):
        OneEuro(**wrong)
