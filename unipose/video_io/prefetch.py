"""Reading ahead and writing behind in background threads, through bounded queues; errors reach the caller."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

T = TypeVar("T")
_END: Any = object()


class Prefetcher(Generic[T]):
    """Iterates over `items` in a thread, up to `depth` items ahead; an error is raised after the items read before it.

    With `latest` only the newest item is kept: it replaces one that has not been read yet. A context manager: leaving
    it stops the thread after its current item.
    """

    def __init__(self, items: Iterable[T], depth: int, latest: bool = False):
        self._items, self._latest = items, latest
        self._queue: queue.Queue[T] = queue.Queue(1 if latest else depth)
        self._left = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="prefetch", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        while (item := self._queue.get()) is not _END:
            yield item
        if self._error:
            raise self._error

    def __enter__(self) -> "Prefetcher[T]":
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._thread.join(timeout=5)  # a read that blocks for longer ends by its own time limit

    def _run(self) -> None:
        try:
            for item in self._items:
                if not self._put(item, self._latest):
                    return
        except BaseException as error:
            self._error = error
        self._put(_END, False)

    def _put(self, item: T, replace: bool) -> bool:
        """-> whether the context is still open."""
        while not self._left.is_set():
            try:
                self._queue.put(item, timeout=0 if replace else 0.1)
                return True
            except queue.Full:
                if replace:
                    self._drop()
        return False

    def _drop(self) -> None:
        try:
            self._queue.get_nowait()
        except queue.Empty:
            return  # it has just been read


class BackgroundWriter(Generic[T]):
    """Calls `function` on each item in a thread, in order; up to `depth` items wait, then `put` blocks.

    An error in `function` is raised by the next `put`, or on leaving the context, which waits for all items.
    """

    def __init__(self, function: Callable[[T], None], depth: int):
        self._function = function
        self._queue: queue.Queue[T] = queue.Queue(depth)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="background", daemon=True)
        self._thread.start()

    def put(self, item: T) -> None:
        if self._error:
            raise self._error
        self._queue.put(item)

    def __enter__(self) -> "BackgroundWriter[T]":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._queue.put(_END)
        self._thread.join()
        if self._error and kind is None:
            raise self._error

    def _run(self) -> None:
        while (item := self._queue.get()) is not _END:
            if self._error is None:
                try:
                    self._function(item)
                except BaseException as error:  # raised by the next put; waiting items are dropped
                    self._error = error
