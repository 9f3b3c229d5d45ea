from fractions import Fraction
from math import inf, nan

import pytest

from unipose.core.ranges import within


@pytest.mark.parametrize(
    ("value", "range_"),
    [
        (1, (1,)),
        (inf, (0,)),
        (0, (0, 1)),
        (1.0, (0, 1)),
        (0.1, (0, 1, True)),
        (Fraction(1, 3), (0, inf, True)),
        (None, (0,)),
    ],
)
def test_inside(value, range_):
    within("--it", value, *range_)


@pytest.mark.parametrize(
    ("value", "range_", "message"),
    [
        (0, (1,), "--it is a number from 1 up, got 0"),
        (nan, (0,), "--it is a number from 0 up, got nan"),
        (-inf, (0,), "--it is a number from 0 up, got -inf"),
        (1.5, (0, 1), "--it is a number from 0 to 1, got 1.5"),
        (0, (0, inf, True), "--it is a number above 0, got 0"),
        (0.0, (0, 1, True), "--it is a number above 0 to 1, got 0.0"),
    ],
)
def test_outside(value, range_, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        within("--it", value, *range_)
