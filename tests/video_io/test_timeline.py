from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unipose.video_io.timeline import Timeline


def placed(stamps, length=40, origin=0, longest_pause=10_000):
    timeline = Timeline(origin, longest_pause)
    return [timeline.place(stamp, length) for stamp in stamps]


@pytest.mark.parametrize(
    ("stamps", "places"),
    [
        ([0, 40, 80], [0, 40, 80]),
        ([0, 7, 300, 301, 5000], [0, 7, 300, 301, 5000]),
        ([None, None, None], [0, 40, 80]),
        ([0, None, 80, None, None, 200], [0, 40, 80, 120, 160, 200]),
        ([0, 40, 40, 80, 120], [0, 40, 41, 80, 120]),
        ([0, 80, 40, 120, 160], [0, 80, 81, 120, 160]),
        ([0, 0, 0, 0, 0], [0, 1, 41, 81, 121]),
        ([1400, 1440, 1480, 1400, 1440], [1400, 1440, 1480, 1520, 1560]),
        ([0, 40, 80, 0, 40, 80, 0, 40], [0, 40, 80, 120, 160, 200, 240, 280]),
        ([0, 40, 90_000, 90_040], [0, 40, 80, 120]),
        ([0, 40, 9_000, 9_040], [0, 40, 9_000, 9_040]),
        ([-40, 0, 40], [-40, 0, 40]),
        ([0, 40, 40, 40, 160, 200], [0, 40, 41, 81, 160, 200]),
        ([0, 40, 80, 0, 0, 0, 240, 280], [0, 40, 80, 120, 160, 200, 240, 280]),
    ],
    ids=[
        "even", "uneven", "none", "some", "twice", "swapped", "all the same", "joined", "joined twice", "ahead",
        "a real pause", "before the origin", "thrice", "lost for a while",
    ],
)  # fmt: skip
def test_time_goes_on(stamps, places):
    assert placed(stamps) == places


def test_how_long_a_pause_may_be_is_given():
    assert placed([0, 40, 10**9], longest_pause=10**9) == [0, 40, 10**9]
    assert placed([0, 40, 10**9], longest_pause=10**8) == [0, 40, 80]


STAMPS = st.lists(st.none() | st.integers(-(2**40), 2**40), min_size=1, max_size=40)


@given(STAMPS, st.integers(0, 10_000), st.integers(-1000, 2**33), st.integers(1, 10**6))
def test_every_place_is_later_than_the_last(stamps, length, origin, longest_pause):
    places = placed(stamps, length, origin, longest_pause)
    assert all(a < b for a, b in pairwise(places))


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=40), st.integers(-(2**33), 2**33))
def test_what_goes_on_by_itself_stays_as_it_is(steps, origin):
    stamps = [origin + sum(steps[:i]) for i in range(len(steps) + 1)]
    assert placed(stamps, origin=origin) == [stamp - origin for stamp in stamps]
