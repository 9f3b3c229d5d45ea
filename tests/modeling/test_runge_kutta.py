"""Tableaux satisfy every order condition of their methods in exact numbers, and not all of the order after."""

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from math import prod

import pytest

from unipose.modeling.runge_kutta import ONE, TABLEAUX, ZERO, Number, Tableau, number, tableau

ORDER = {"euler": 1, "midpoint": 2, "improved_euler": 2, "heun3": 3, "kutta3": 3, "rk4": 4, "gill4": 4}
ORDER |= {"kutta_nystrom5": 5, "rkf45": 5, "huta6": 6, "verner8": 8}
SLOPES = {"kutta_nystrom5": 6, "rkf45": 6, "huta6": 8, "verner8": 12}

Tree = tuple["Tree", ...]  # a rooted tree is its branches, in a fixed order
Vector = list[Number]


@cache
def forest(vertices: int, heaviest: Tree | None = None) -> list[Tree]:
    """Every collection of rooted trees with so many vertices in all, none after `heaviest` in (size, tree)."""
    if vertices == 0:
        return [()]
    found = []
    for size in range(vertices, 0, -1):
        for tree in trees(size):
            if heaviest is None or (size, tree) <= (vertices_of(heaviest), heaviest):
                found += [(tree, *rest) for rest in forest(vertices - size, tree)]
    return found


def trees(vertices: int) -> list[Tree]:
    return forest(vertices - 1)


@cache
def vertices_of(tree: Tree) -> int:
    return 1 + sum(map(vertices_of, tree))


def density(tree: Tree) -> int:
    """Hairer, Norsett & Wanner I, definition II.2.10."""
    return vertices_of(tree) * prod(map(density, tree))


def times(x: Number, y: Number) -> Number:
    return Number(x.rational * y.rational + 2 * x.root * y.root, x.rational * y.root + x.root * y.rational)


def dot(weights: tuple[Number, ...], values: Vector) -> Number:
    return sum((times(w, v) for w, v in zip(weights, values, strict=False)), ZERO)


def conditions(method: Tableau, order: int) -> Iterator[bool]:
    """Whether the elementary weight of each tree of so many vertices is 1 / density (theorem II.2.13)."""

    @cache
    def through_a(tree: Tree) -> Vector:
        weights = elementary(tree)
        return [dot(row, weights) for row in method.a]

    def elementary(tree: Tree) -> Vector:
        weights = [ONE] * method.slopes
        for branch in tree:
            weights = [times(w, v) for w, v in zip(weights, through_a(branch), strict=True)]
        return weights

    for tree in trees(order):
        yield dot(method.b, elementary(tree)) == Number(Fraction(1, density(tree)))


def test_there_are_as_many_rooted_trees_as_there_should_be() -> None:
    found = [trees(vertices) for vertices in range(1, 10)]
    assert [len(some) for some in found] == [1, 1, 2, 4, 9, 20, 48, 115, 286]
    assert all(len(set(some)) == len(some) for some in found)
    assert [density(tree) for tree in trees(4)] == [24, 12, 8, 4]


@pytest.mark.parametrize("name", TABLEAUX)
def test_order_conditions_hold_up_to_the_order_and_not_beyond(name: str) -> None:
    method = TABLEAUX[name]
    assert [p for p in range(1, ORDER[name] + 1) if not all(conditions(method, p))] == []
    assert not all(conditions(method, ORDER[name] + 1))


@pytest.mark.parametrize("name", TABLEAUX)
def test_the_points_of_the_slopes_are_within_the_step(name: str) -> None:
    nodes = [float(sum(row, ZERO)) for row in TABLEAUX[name].a]
    assert min(nodes) == 0
    assert max(nodes) <= 1
    assert TABLEAUX[name].slopes == SLOPES.get(name, ORDER[name])


@pytest.mark.parametrize("name", TABLEAUX)
def test_one_wrong_coefficient_is_found(name: str) -> None:
    method, wrong = TABLEAUX[name], Number(Fraction(1, 1000))
    for i, row in enumerate(method.a):
        for j, weight in enumerate(row):
            if weight != ZERO:
                changed = (*row[:j], weight + wrong, *row[j + 1 :])
                mistaken = Tableau((*method.a[:i], changed, *method.a[i + 1 :]), method.b)
                assert not all(all(conditions(mistaken, p)) for p in range(1, ORDER[name] + 1))


def test_rows_are_read_as_exact_numbers() -> None:
    half = Number(Fraction(1, 2))
    assert TABLEAUX["rk4"].a == ((), (half,), (ZERO, half), (ZERO, ZERO, ONE))
    assert number("0-1/2√2") == Number(Fraction(0), Fraction(-1, 2))
    assert float(number("1/3-1/6√2")) == pytest.approx(1 / 3 - 2**0.5 / 6)


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        (("1/2", "1/2"), "rows of 0, 1, 2"),
        (("1 1", "0 1"), "rows of"),
        (("1/2", "0 1/2"), "sum to 1, got"),
        (("1/2", "1 0"), "nothing reads slope 2"),
        (("√2", "0 1"), "'√2' is no number"),
        (("0.5", "0 1"), "'0.5' is no number"),
    ],
)
def test_what_is_no_explicit_consistent_method_is_refused(rows: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        tableau(*rows)
