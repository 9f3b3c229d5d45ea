"""How long calls take."""

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
    """Seconds of each of at least `count` calls, repeated until they have taken `seconds` together.

    With `warm_up` one more call comes first and is not counted. `clock`: `time.thread_time` counts a core's time.
    """
    if warm_up:
        call()
    times: list[float] = []
    end = perf_counter() + seconds
    while len(times) < count or perf_counter() < end:
        began = clock()
        call()
        times.append(clock() - began)
    return times
