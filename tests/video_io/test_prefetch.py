import threading
import time

import pytest

from unipose.video_io.prefetch import BackgroundWriter, Prefetcher


def counted(limit, read):
    for i in range(limit):
        read.append(i)
        yield i


def failing(after):
    yield from range(after)
    raise OSError("the cable")


def test_the_prefetcher_yields_all_items_in_order():
    with Prefetcher(range(100), 3) as prefetcher:
        assert list(prefetcher) == list(range(100))


def test_the_prefetcher_is_bounded():
    read = []
    with Prefetcher(counted(1000, read), 3) as prefetcher:
        time.sleep(0.1)
        assert next(iter(prefetcher)) == 0
        time.sleep(0.1)
        assert len(read) <= 6
    assert len(read) <= 7  # and stops with the context


def test_an_error_while_reading_is_raised_after_the_items_before_it():
    got = []
    with Prefetcher(failing(5), 2) as prefetcher, pytest.raises(OSError, match="the cable"):
        got.extend(prefetcher)
    assert got == [0, 1, 2, 3, 4]


def test_only_the_latest_item_is_kept():
    go = threading.Event()

    def items():
        yield from range(50)
        go.set()
        time.sleep(0.05)

    with Prefetcher(items(), 1, latest=True) as prefetcher:
        assert go.wait(5)
        assert list(prefetcher) == [49]


def test_the_background_writer_takes_all_items_in_order():
    written = []
    with BackgroundWriter(written.append, 2) as writer:
        for i in range(50):
            writer.put(i)
    assert written == list(range(50))


def test_the_background_writer_is_bounded():
    go, written = threading.Event(), []

    def write(item):
        assert go.wait(5)
        written.append(item)

    with BackgroundWriter(write, 2) as writer:
        feeder = threading.Thread(target=lambda: [writer.put(i) for i in range(10)])
        feeder.start()
        feeder.join(0.1)
        assert feeder.is_alive()
        go.set()
        feeder.join(5)
    assert written == list(range(10))


def fails_at_three(item):
    if item == 3:
        raise OSError("the disk")


def put_all(items, depth, pause=0.0, then=None):
    with BackgroundWriter(fails_at_three, depth) as writer:
        for item in items:
            assert item < 10
            writer.put(item)
            time.sleep(pause)
        if then:
            raise then


@pytest.mark.parametrize("items", [range(100), range(4)], ids=["by the next put", "on leaving"])
def test_an_error_while_writing_is_raised(items):
    with pytest.raises(OSError, match="the disk"):
        put_all(items, 1, pause=0.01)


def test_the_error_inside_the_context_comes_first():
    with pytest.raises(KeyError):
        put_all([3], 10, then=KeyError)
