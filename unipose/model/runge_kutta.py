"""Explicit Runge-Kutta tableaux: how the slopes inside one residual unit are combined."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Tableau:
    """Butcher tableau of an explicit method, in exact fractions.

    `a[j]` holds the weights of slopes 0..j-1 in the point where slope j is taken (so `a[0]` is empty), `b` those of the
    step. Raises ValueError for a tableau that is not explicit or not consistent (`sum(b) == 1`).
    """

    a: tuple[tuple[Fraction, ...], ...]
    b: tuple[Fraction, ...]

    def __post_init__(self) -> None:
        if [len(row) for row in self.a] != list(range(len(self.b))):
            raise ValueError(
                f"an explicit tableau of {len(self.b)} slopes has rows of 0, 1, 2 ... weights, got {self.a}"
            )
        if sum(self.b) != 1:
            raise ValueError(f"the weights of a step sum to 1, got {sum(self.b)}")

    @property
    def slopes(self) -> int:
        return len(self.b)


def tableau(*rows: str) -> Tableau:
    """Tableau written as one string of fractions per row: the rows of `a` after the empty first one, then `b`."""
    *a, b = [tuple(Fraction(number) for number in row.split()) for row in rows]
    return Tableau(((), *a), b)


# Hairer, Norsett & Wanner, "Solving Ordinary Differential Equations I", section II.1.
TABLEAUX = {
    "euler": tableau("1"),
    "midpoint": tableau("1/2", "0 1"),
    "rk4": tableau("1/2", "0 1/2", "0 0 1", "1/6 1/3 1/3 1/6"),
}
