import pytest

from unipose.core import timing

STEP = 0.25  # seconds that each call takes on the fake clock; exact in binary


class Clock:
    """Advanced only by `call`, by STEP."""

    now = 7.0
    calls = 0

    def __call__(self) -> float:
        return self.now

    def call(self) -> None:
        self.calls += 1
        self.now += STEP


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(timing, "perf_counter", clock)
    return clock


@pytest.mark.parametrize(
    ("options", "measured"),
    [
        ({}, 1),
        ({"count": 3}, 3),
        ({"seconds": 1.0}, 4),
        ({"seconds": 1.1}, 5),  # a call that has begun is finished
        ({"count": 6, "seconds": 1.0}, 6),
        ({"count": 2, "seconds": 1.0}, 4),
        ({"count": 0}, 0),
    ],
)
@pytest.mark.parametrize("warm_up", [True, False])
def test_each_measured_call(clock, options, measured, warm_up):
    times = timing.call_times(clock.call, clock=clock, warm_up=warm_up, **options)
    assert times == [STEP] * measured
    assert clock.calls == measured + warm_up


def test_another_clock_measures_the_calls_and_the_wall_clock_ends_them(clock):
    cpu = Clock()
    cpu.call()

    def call():
        clock.call()
        cpu.now += STEP / 2

    assert timing.call_times(call, seconds=1.0, clock=cpu) == [STEP / 2] * 4
