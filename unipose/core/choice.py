"""A choice by name among the rows of a table."""

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def choose(table: Mapping[str, T], name: str, what: str) -> T:
    """`table[name]`. Raises ValueError, listing all names, for a `name` not in the table; `what`: what a row is."""
    if name not in table:
        raise ValueError(f"no {what} {name!r}; choose one of {', '.join(table)}")
    return table[name]
