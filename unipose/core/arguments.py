"""Command lines' arguments."""

import argparse
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """Tells what is wrong with the arguments in one line, as every other error is told; an empty one is wrong."""

    def __init__(self, **options: Any):
        super().__init__(**options)
        for kind, what in _WANTED.items():
            self.register("type", kind, _reader(_fraction if kind is Fraction else kind, what))

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> tuple[Any, list[str]]:  # type: ignore[override]
        words = sys.argv[1:] if args is None else list(args)
        for before, word in pairwise(["", *words]):
            name, equals, value = word.partition("=")
            if not word or (name.startswith("--") and equals and not value):
                self.error(f"{(name or before) if (name or before).startswith('-') else 'an argument'} is empty")
        return super().parse_known_args(words, namespace)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}; {self.prog} --help says more\n")


# What is wanted where an argument's type is one of these.
_WANTED: dict[type, str] = {int: "a whole number", float: "a number", Fraction: "a number as 25, 29.97 or 30000/1001"}


def _reader(kind: Callable[[str], Any], what: str) -> Callable[[str], Any]:
    """A type for argparse, which tells what is wanted."""

    def read(text: str) -> Any:
        try:
            return kind(text)
        except (ValueError, ZeroDivisionError, OverflowError) as error:
            raise argparse.ArgumentTypeError(f"{what} is wanted, got {text}") from error

    return read


def _fraction(text: str) -> Fraction:
    """Raises ValueError or ZeroDivisionError for what is none."""
    if not abs(float(text.split("/")[0])) < 1e9:  # as a fraction, 1e999999999 has as many digits
        raise ValueError(text)
    return Fraction(text)


def size(text: str) -> tuple[int, int]:
    """Parse WIDTHxHEIGHT. Raises ArgumentTypeError for anything else."""
    try:
        width, height = map(int, text.split("x"))
        if min(width, height) < 1:
            raise ValueError(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"a size is WIDTHxHEIGHT, as 192x256, got {text!r}") from error
    return width, height
