import argparse
from fractions import Fraction
from math import inf, nan

import pytest

from unipose.core.number import Number, fraction, within

COUNT = Number(int, "a number of frames from 1 up", 1)
SHARE = Number(float, "a score from 0 to 1", 0, 1)
RATE = Number(fraction, "frames per second, from 1/3600 to 1000", Fraction(1, 3600), 1000)


@pytest.mark.parametrize(
    ("number", "text", "value"),
    [
        (COUNT, "3", 3),
        (SHARE, "1e-2", 0.01),
        (RATE, "30000/1001", Fraction(30_000, 1001)),
        (RATE, "29.97", Fraction("29.97")),
    ],
)
def test_a_number_is_read(number, text, value):
    assert number(text) == value
    number.check("--it", value)


@pytest.mark.parametrize("number", [COUNT, SHARE, RATE])
@pytest.mark.parametrize("text", ["abc", "", "1/0", "0/0", "1/x", "--", "1,5", "0x10", "/", "1//2"])
def test_what_is_no_number_is_told_what_would_be(number, text):
    with pytest.raises(argparse.ArgumentTypeError) as told:
        number(text)
    assert str(told.value) == f"{number.what}, got {text}"


@pytest.mark.parametrize("text", ["1e999999999", "-1e999999999", "inf", "nan", "1e999999999/3"])
def test_a_fraction_is_a_number_that_can_be(text):
    with pytest.raises(argparse.ArgumentTypeError, match="frames per second, from 1/3600 to 1000, got "):
        RATE(text)


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (COUNT, 0), (COUNT, -5), (SHARE, -0.1), (SHARE, 1.1), (SHARE, nan), (SHARE, inf), (RATE, Fraction(0)),
        (RATE, Fraction(-5)), (RATE, Fraction(1001)), (RATE, Fraction(1, 3601)),
    ],
)  # fmt: skip
def test_numbers_beyond_are_told_what_would_be(number, value):
    with pytest.raises(ValueError, match=rf"^--it is {number.what}, got "):
        number.check("--it", value)


def test_none_is_none_given():
    COUNT.check("--it", None)


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
def test_a_number_within_a_range_is_fine(value, range_):
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
def test_a_number_beyond_a_range_is_told_it(value, range_, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        within("--it", value, *range_)
