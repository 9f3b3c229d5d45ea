"""Tableaux satisfy the order conditions of their methods in exact fractions."""

from fractions import Fraction

import pytest

from unipose.model.runge_kutta import TABLEAUX, Tableau, tableau

ORDER = {"euler": 1, "midpoint": 2, "rk4": 4}
Vector = list[Fraction]


def conditions(method: Tableau) -> list[tuple[int, Fraction, Fraction]]:
    """Order, left and right side of each condition up to order 4 (Hairer, Norsett & Wanner, table II.2.1)."""

    def through_a(v: Vector) -> Vector:
        return [sum((w * x for w, x in zip(row, v, strict=False)), Fraction(0)) for row in method.a]

    def times(*vectors: Vector) -> Vector:
        product = vectors[0]
        for vector in vectors[1:]:
            product = [x * y for x, y in zip(product, vector, strict=True)]
        return product

    one = [Fraction(1)] * method.slopes
    c = through_a(one)
    trees = [(1, one, 1), (2, c, 2), (3, times(c, c), 3), (3, through_a(c), 6), (4, times(c, c, c), 4)]
    trees += [(4, times(c, through_a(c)), 8), (4, through_a(times(c, c)), 12), (4, through_a(through_a(c)), 24)]
    return [(order, sum(times(list(method.b), tree), Fraction(0)), Fraction(1, gamma)) for order, tree, gamma in trees]


@pytest.mark.parametrize("name", TABLEAUX)
def test_order_conditions_hold_up_to_the_order_and_not_beyond(name: str) -> None:
    assert all(left == right for order, left, right in conditions(TABLEAUX[name]) if order <= ORDER[name])
    beyond = [left == right for order, left, right in conditions(TABLEAUX[name]) if order == ORDER[name] + 1]
    assert not beyond or not all(beyond)


def test_rows_are_read_as_fractions() -> None:
    half = Fraction(1, 2)
    assert TABLEAUX["rk4"].a == ((), (half,), (0, half), (0, 0, 1))


@pytest.mark.parametrize(
    ("rows", "complaint"), [(("1/2", "1/2"), "rows of 0, 1, 2"), (("1 1", "0 1"), "rows of"), (("1/2", "0 1/2"), "sum")]
)
def test_what_is_no_explicit_consistent_method_is_refused(rows: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        tableau(*rows)
