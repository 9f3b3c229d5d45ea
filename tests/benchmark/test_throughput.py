from functools import partial

from unipose.benchmark.throughput import ROUNDS, measure_in_turn


def test_measures_take_turns():
    taken: list[str] = []

    def measure(name: str) -> float:
        taken.append(name)
        return float(len(taken))

    values = measure_in_turn({name: partial(measure, name) for name in "ab"})
    assert taken == ["a", "b"] * ROUNDS
    assert values == {"a": [1.0, 3.0, 5.0], "b": [2.0, 4.0, 6.0]}
