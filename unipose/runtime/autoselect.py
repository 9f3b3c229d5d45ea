"""The fastest of several ways to run a model on this machine, found by timing them."""

import sys
from collections.abc import Callable, Mapping
from statistics import median

from unipose.core.timing import call_times

ROUNDS = 15


def fastest(candidates: Mapping[str, Callable[[], object]]) -> str:
    """The name of the call with the least median time. They take turns, and their medians are printed on stderr."""
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(1 + ROUNDS):  # the first round warms up
        for name, call in candidates.items():
            times[name] += call_times(call, warm_up=False)
    medians = {name: median(values[1:]) for name, values in times.items()}
    best = min(medians, key=medians.__getitem__)
    tried = ", ".join(f"{name} {1000 * value:.1f} ms" for name, value in medians.items())
    print(f"tried: {tried} for an image; taken: {best}", file=sys.stderr)
    return best
