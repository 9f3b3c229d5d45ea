import argparse
from fractions import Fraction
from math import inf, nan

import pytest

from unipose.core.number import Number, fraction

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
