"""Ranges of the numbers that options may have."""

from math import inf
from numbers import Real as Number

from unipose.core.types import Real


def within(
    what: str, value: Real | None, low: float, high: float = inf, above: bool = False, whole: bool = False
) -> None:
    """Raises ValueError for what is no number from `low` to `high`, or `above` it, or not `whole`; nan never is one.

    `what` has the number. None, where an option is left out, is fine.
    """
    if value is None:
        return
    inside = isinstance(value, Number) and low <= value <= high and not (above and value == low)
    if inside and not (whole and value % 1):
        return
    span = f"above {low:g}" if above else f"from {low:g}"
    end = f" to {high:g}" if high < inf else "" if above else " up"
    raise ValueError(f"{what} is a {'whole ' if whole else ''}number {span}{end}, got {value!r}")
