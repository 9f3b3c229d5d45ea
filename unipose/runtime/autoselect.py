"""What is fastest on this machine, found by trying."""

import sys
from collections.abc import Callable, Mapping
from statistics import median
from time import perf_counter

ROUNDS = 15


def fastest(candidates: Mapping[str, Callable[[], object]]) -> str:
    """The name of the one whose median time is least; they take turns, and stderr gets a line of what was found."""
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(1 + ROUNDS):  # the first turn warms up
        for name, run in candidates.items():
            start = perf_counter()
            run()
            times[name].append(perf_counter() - start)
    medians = {name: median(found[1:]) for name, found in times.items()}
    best = min(medians, key=medians.__getitem__)
    said = ", ".join(f"{name} {1000 * one:.1f} ms" for name, one in medians.items())
    print(f"tried: {said} for an image; taken: {best}", file=sys.stderr)
    return best
