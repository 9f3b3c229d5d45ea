"""Timing of repeated calls."""

from collections.abc import Callable
from time import perf_counter


def call_times(
    call: Callable[[], object],
    *,
    count: int = 1,
    seconds: float = 0.0,
    warm_up: bool = True,
    clock: Callable[[], float] = perf_counter,
) -> list[float]:
    """Seconds that each call takes: at least `count` calls, repeated until `seconds` have passed.

    With `warm_up` one extra call comes first and is not measured. `clock`: `time.thread_time` measures CPU time.
    """
    if warm_up:
        call()
    times: list[float] = []
    end = perf_counter() + seconds
    while len(times) < count or perf_counter() < end:
        start = clock()
        call()
        times.append(clock() - start)
    return times
