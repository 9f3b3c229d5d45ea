import numpy as np
import pytest

from unipose.evaluation.jitter import acceleration, lag, smoothed, speed
from unipose.tracking.one_euro import OneEuro

FRAMES = np.arange(60.0)
ALL = np.ones((60, 2), bool)


def path(delay=0.0):
    """Two keypoints on smooth ways, of a person of 100 pixels."""
    at = FRAMES - delay
    return np.stack([np.stack([3 * at, 20 * np.sin(at / 6)], 1), np.stack([np.cos(at / 9) * 40, 0.02 * at**2], 1)], 1)


@pytest.mark.parametrize("delay", [0.0, 0.25, 1.0, 2.3, -0.6])
def test_a_delay_is_measured(delay):
    assert lag(path(delay), path(), ALL) == pytest.approx(delay, abs=0.051)


def test_gross_mistakes_do_not_hide_the_delay():
    xy = path(1.5)
    xy[::9] += 200
    assert lag(xy, path(), ALL) == pytest.approx(1.5, abs=0.051)


def test_acceleration_is_that_of_the_chosen_ones():
    xy = np.zeros((60, 2, 2))
    xy[:, 0, 0] = FRAMES**2  # second difference 2
    xy[:, 1, 0] = 5 * FRAMES
    assert acceleration(xy, ALL, 50.0) == pytest.approx(100 * 1 / 50)
    assert acceleration(xy, ALL & [True, False], 50.0) == pytest.approx(100 * 2 / 50)
    assert np.isnan(acceleration(xy, ~ALL, 50.0)) and np.isnan(lag(xy, xy, ~ALL))


def test_speed_is_in_body_sizes_per_second():
    xy = np.zeros((60, 1, 2))
    xy[:, 0] = FRAMES[:, None] * (3, 4)
    assert np.allclose(speed(xy, 100.0, 30.0), 5 * 30 / 100)


def test_smoothing_steadies_what_rests_and_keeps_up_with_what_moves():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.7, (60, 2, 2))
    still = np.full((60, 2, 2), 100.0) + noise
    score = np.full((60, 2), 0.8)
    calm = smoothed(still, score, 100.0, 25.0, OneEuro())
    assert acceleration(calm, ALL, 100.0) < 0.5 * acceleration(still, ALL, 100.0)
    assert lag(smoothed(path() + noise, score, 100.0, 25.0, OneEuro()), path(), ALL) < 1
