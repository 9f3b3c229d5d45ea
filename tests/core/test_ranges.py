from fractions import Fraction
from math import inf, nan

import numpy as np
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


@pytest.mark.parametrize("value", [1.5, inf, nan, "3", [3], 3j])
def test_what_is_no_whole_number(value):
    with pytest.raises(ValueError, match=r"^it is a whole number from 1 up, got "):
        within("it", value, 1, whole=True)


@pytest.mark.parametrize("value", [3, 3.0, np.int64(3), np.float32(3), True])
def test_whole_numbers(value):
    within("it", value, 1, whole=True)
