"""Numbers that options take: read from a command line's text, and the ranges that they may have."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import inf

from unipose.core.types import Real


@dataclass(frozen=True)
class Number:
    """`kind`: what makes one of text; `what`: which are accepted, in words; they are from `low` to `high`."""

    kind: Callable[[str], Real]
    what: str
    low: Real
    high: Real = inf

    def __call__(self, text: str) -> Real:
        """As argparse's `type`; whether it is accepted says `check`. Raises ArgumentTypeError for what is no number."""
        try:
            return self.kind(text)
        except (ValueError, ZeroDivisionError, OverflowError) as error:
            raise argparse.ArgumentTypeError(f"{self.what}, got {text}") from error

    def check(self, name: str, value: Real | None) -> None:
        """Raises ValueError for an option's value that is not accepted, as nan never is; None is none given."""
        if value is not None and not self.low <= value <= self.high:
            raise ValueError(f"{name} is {self.what}, got {value}")


def fraction(text: str) -> Fraction:
    """30, 29.97 or 30000/1001. Raises ValueError or ZeroDivisionError."""
    if not abs(float(text.split("/")[0])) < 1e9:  # as a fraction, 1e999999999 has as many digits
        raise ValueError(text)
    return Fraction(text)


def within(what: str, value: Real | None, low: float, high: float = inf, above: bool = False) -> None:
    """Raises ValueError for a number that is not from `low` to `high`, or `above` it; not-a-number never is.

    `what` has the number. None, where an option is left out, is fine.
    """
    if value is None or ((value > low or (value == low and not above)) and value <= high):
        return
    span = f"above {low:g}" if above else f"from {low:g}"
    raise ValueError(
        f"{what} is a number {span}{f' to {high:g}' if high < inf else '' if above else ' up'}, got {value}"
    )
