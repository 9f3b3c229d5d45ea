"""Supervisor: several processes on one socket; one that dies is replaced."""

import logging
import multiprocessing
import os
import signal
import socket
import tempfile
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from time import monotonic, sleep

from prometheus_client.multiprocess import mark_process_dead

from serve.metrics import SEVERAL
from serve.settings import Settings

Work = Callable[[Settings, socket.socket, bool], int]
FAILED_TO_START = (1, 2, 3)  # exit statuses of a worker whose start would fail again: the last is uvicorn's own
_MARGIN = 5.0  # what a worker may need beyond `stop_seconds` before it is killed
_log = logging.getLogger("serve")


class Supervisor:
    """Runs `work(settings, listener, announce)` in `settings.workers` processes, the first of which announces."""

    def __init__(self, work: Work, settings: Settings, listener: socket.socket):
        self._work = work
        self._settings = settings
        self._listener = listener
        self._context = multiprocessing.get_context("spawn")
        self._stopping = False

    def run(self) -> int:
        """Until SIGTERM or SIGINT -> the exit status: 0, or that of a worker that cannot start."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        with tempfile.TemporaryDirectory(prefix="unipose-metrics-") as folder:
            os.environ[SEVERAL] = folder
            workers = [self._start(announce=not i) for i in range(self._settings.workers)]
            status = self._watch(workers)
            self._end(workers)
        return status

    def _watch(self, workers: list[BaseProcess]) -> int:
        began = monotonic()
        while not self._stopping:
            wait([worker.sentinel for worker in workers], timeout=0.2)
            for i, worker in enumerate(workers):
                if worker.is_alive() or self._stopping:
                    continue
                mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
                if worker.exitcode in FAILED_TO_START:
                    return worker.exitcode or 0
                _log.error("worker %s died with status %s: it is replaced", worker.pid, worker.exitcode)
                sleep(max(0.0, min(1.0, began + 1 - monotonic())))  # not faster than one a second
                began = monotonic()
                workers[i] = self._start(announce=False)
        return 0

    def _end(self, workers: list[BaseProcess]) -> None:
        for worker in workers:
            worker.terminate()
        end = monotonic() + self._settings.stop_seconds + _MARGIN
        for worker in workers:
            worker.join(max(0.0, end - monotonic()))
            if worker.is_alive():
                worker.kill()
                worker.join()

    def _start(self, announce: bool) -> BaseProcess:
        worker = self._context.Process(target=_run, args=(self._work, self._settings, self._listener, announce))
        worker.start()
        return worker

    def _stop(self, *_: object) -> None:
        self._stopping = True


def _run(work: Work, settings: Settings, listener: socket.socket, announce: bool) -> None:
    raise SystemExit(work(settings, listener, announce))
