"""A choice by name among the rows of a table."""

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def choose(table: Mapping[str, T], name: str, what: str) -> T:
    """`table[name]`. Raises ValueError, with all the names there are, for another `name`; `what` says of what kind."""
    if name not in table:
        raise ValueError(f"no {what} {name!r}; choose one of {', '.join(table)}")
    return table[name]
