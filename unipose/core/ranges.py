"""Ranges of the numbers that options may have."""

from math import inf

from unipose.core.types import Real


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
