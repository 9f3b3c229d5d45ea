import threading
import time

import pytest

from unipose.video_io.prefetch import BackgroundWriter, Prefetcher


def counted(limit, made):
    for i in range(limit):
        made.append(i)
        yield i


def failing(after):
    yield from range(after)
    raise OSError("the cable")


def test_ahead_gives_all_in_order():
    with Prefetcher(range(100), 3) as ahead:
        assert list(ahead) == list(range(100))


def test_ahead_is_bounded():
    made = []
    with Prefetcher(counted(1000, made), 3) as ahead:
        time.sleep(0.1)
        assert next(iter(ahead)) == 0
        time.sleep(0.1)
        assert len(made) <= 6
    assert len(made) <= 7  # and stops with the context


def test_an_error_ahead_is_raised_after_what_came_before():
    got = []
    with Prefetcher(failing(5), 2) as ahead, pytest.raises(OSError, match="the cable"):
        got.extend(ahead)
    assert got == [0, 1, 2, 3, 4]


def test_the_latest_wins():
    go = threading.Event()

    def items():
        yield from range(50)
        go.set()
        time.sleep(0.05)

    with Prefetcher(items(), 1, latest=True) as ahead:
        assert go.wait(5)
        assert list(ahead) == [49]


def test_behind_takes_all_in_order():
    taken = []
    with BackgroundWriter(taken.append, 2) as behind:
        for i in range(50):
            behind.put(i)
    assert taken == list(range(50))


def test_behind_is_bounded():
    open_door, taken = threading.Event(), []

    def take(item):
        assert open_door.wait(5)
        taken.append(item)

    with BackgroundWriter(take, 2) as behind:
        feeder = threading.Thread(target=lambda: [behind.put(i) for i in range(10)])
        feeder.start()
        feeder.join(0.1)
        assert feeder.is_alive()
        open_door.set()
        feeder.join(5)
    assert taken == list(range(10))


def fails_at_three(item):
    if item == 3:
        raise OSError("the disk")


def put_all(items, depth, pause=0.0, then=None):
    with BackgroundWriter(fails_at_three, depth) as behind:
        for item in items:
            assert item < 10
            behind.put(item)
            time.sleep(pause)
        if then:
            raise then


@pytest.mark.parametrize("items", [range(100), range(4)], ids=["where the next is put", "on leaving"])
def test_an_error_behind_is_raised(items):
    with pytest.raises(OSError, match="the disk"):
        put_all(items, 1, pause=0.01)


def test_the_error_inside_the_context_comes_first():
    with pytest.raises(KeyError):
        put_all([3], 10, then=KeyError)
