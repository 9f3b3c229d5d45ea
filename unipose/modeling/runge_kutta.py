"""Butcher tableaux of explicit Runge-Kutta methods: how the slopes of a residual unit are combined."""

import re
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Number:
    """An exact number `rational + root * sqrt(2)`: Gill's method has the root, all the others are rational."""

    rational: Fraction = Fraction(0)
    root: Fraction = Fraction(0)

    def __add__(self, other: "Number") -> "Number":
        return Number(self.rational + other.rational, self.root + other.root)

    def __float__(self) -> float:
        return float(self.rational) + float(self.root) * 2**0.5


ZERO, ONE = Number(), Number(Fraction(1))


@dataclass(frozen=True)
class Tableau:
    """The Butcher tableau of an explicit method, in exact numbers.

    `a[j]` holds the weights of slopes 0..j-1 at the point of slope j (so `a[0]` is empty), `b` those of the step.
    Raises ValueError for a tableau that is not explicit or not consistent (`sum(b) == 1`), or has an unused slope,
    whose branch would never learn.
    """

    a: tuple[tuple[Number, ...], ...]
    b: tuple[Number, ...]

    def __post_init__(self) -> None:
        if [len(row) for row in self.a] != list(range(self.slopes)):
            raise ValueError(f"an explicit tableau of {self.slopes} slopes has rows of 0, 1, 2 ... weights: {self.a}")
        if sum(self.b, ZERO) != ONE:
            raise ValueError(f"the weights of a step sum to 1, got {sum(self.b, ZERO)}")
        for j in range(self.slopes):
            if all(row[j] == ZERO for row in [*self.a[j + 1 :], self.b]):
                raise ValueError(f"nothing reads slope {j + 1}: leave it out")

    @property
    def slopes(self) -> int:
        return len(self.b)


def number(text: str) -> Number:
    """Parse "1/3" or, with a root, "1/3-1/6√2". Raises ValueError for anything else."""
    match = re.fullmatch(r"([+-]?[\d/]+)(?:([+-][\d/]+)√2)?", text)
    if match is None:
        raise ValueError(f"{text!r} is no number like 1/3 or 1/3-1/6√2")
    return Number(Fraction(match[1]), Fraction(match[2] or 0))


def tableau(*rows: str) -> Tableau:
    """A tableau from one string of numbers per row: the rows of `a` after the empty first one, then `b`."""
    *a, b = [tuple(number(text) for text in row.split()) for row in rows]
    return Tableau(((), *a), b)


# Up to Gill's: Hairer, Norsett & Wanner, "Solving Ordinary Differential Equations I", section II.1. The digit is the
# order. Of the two embedded pairs the solution of higher order is taken, as only it uses all six slopes of Fehlberg's.
TABLEAUX = {
    "euler": tableau("1"),
    "midpoint": tableau("1/2", "0 1"),
    "improved_euler": tableau("1", "1/2 1/2"),
    "heun3": tableau("1/3", "0 2/3", "1/4 0 3/4"),
    "kutta3": tableau("1/2", "-1 2", "1/6 2/3 1/6"),
    "rk4": tableau("1/2", "0 1/2", "0 0 1", "1/6 1/3 1/3 1/6"),
    "gill4": tableau("1/2", "-1/2+1/2√2 1-1/2√2", "0 0-1/2√2 1+1/2√2", "1/6 1/3-1/6√2 1/3+1/6√2 1/6"),
    # Nystrom, "Ueber die numerische Integration von Differentialgleichungen" (1925), correcting Kutta (1901).
    "kutta_nystrom5": tableau(
        "1/3",
        "4/25 6/25",
        "1/4 -3 15/4",
        "2/27 10/9 -50/81 8/81",
        "2/25 12/25 2/15 8/75 0",
        "23/192 0 125/192 0 -27/64 125/192",
    ),
    # Fehlberg, NASA TR R-315 (1969), the pair 4(5).
    "rkf45": tableau(
        "1/4",
        "3/32 9/32",
        "1932/2197 -7200/2197 7296/2197",
        "439/216 -8 3680/513 -845/4104",
        "-8/27 2 -3544/2565 1859/4104 -11/40",
        "16/135 0 6656/12825 28561/56430 -9/50 2/55",
    ),
    # Huta, "Une amelioration de la methode de Runge-Kutta-Nystrom" (1956).
    "huta6": tableau(
        "1/9",
        "1/24 1/8",
        "1/6 -1/2 2/3",
        "-5/8 27/8 -3 3/4",
        "221/9 -109 289/3 -34/3 1/9",
        "-61/16 113/8 -59/6 -11/8 5/3 1/16",
        "358/41 -2079/82 501/41 417/41 -227/41 -9/82 36/41",
        "41/840 0 9/35 9/280 34/105 9/280 9/35 41/840",
    ),
    # Verner, SIAM J. Numer. Anal. 15 (1978), the pair 7(8) without slope 11 of 13, which only its error estimate uses.
    "verner8": tableau(
        "1/4",
        "5/72 1/72",
        "1/32 0 3/32",
        "106/125 0 -408/125 352/125",
        "1/48 0 0 8/33 125/528",
        "-1263/2401 0 0 39936/26411 -64125/26411 5520/2401",
        "37/392 0 0 0 1625/9408 -2/15 61/6720",
        "17176/25515 0 0 -47104/25515 1325/504 -41792/25515 20237/145800 4312/6075",
        "-23834/180075 0 0 -77824/1980825 -636635/633864 254048/300125 -183/7000 8/11 -324/3773",
        "-27061/204120 0 0 40448/280665 -1353775/1197504 17662/25515 -71687/1166400 98/225 1/16 3773/11664",
        "11203/8680 0 0 -38144/11935 2354425/458304 -84046/16275 673309/1636800 4704/8525 9477/10912 -1029/992 729/341",
        "31/720 0 0 0 0 16/75 16807/79200 16807/79200 243/1760 0 243/1760 31/720",
    ),
}
