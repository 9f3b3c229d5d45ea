"""Numbers that options take: read from a command line's text, or checked."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import inf

Value = int | float | Fraction


@dataclass(frozen=True)
class Number:
    """`kind`: what makes one of text; `what`: which are accepted, in words; they are from `low` to `high`."""

    kind: Callable[[str], Value]
    what: str
    low: Value
    high: Value = inf

    def __call__(self, text: str) -> Value:
        """As argparse's `type`; whether it is accepted says `check`. Raises ArgumentTypeError for what is no number."""
        try:
            return self.kind(text)
        except (ValueError, ZeroDivisionError, OverflowError) as error:
            raise argparse.ArgumentTypeError(f"{self.what}, got {text}") from error

    def check(self, name: str, value: Value | None) -> None:
        """Raises ValueError for an option's value that is not accepted, as nan never is; None is none given."""
        if value is not None and not self.low <= value <= self.high:
            raise ValueError(f"{name} is {self.what}, got {value}")


def fraction(text: str) -> Fraction:
    """30, 29.97 or 30000/1001. Raises ValueError or ZeroDivisionError."""
    if not abs(float(text.split("/")[0])) < 1e9:  # as a fraction, 1e999999999 has as many digits
        raise ValueError(text)
    return Fraction(text)
