"""Supervisor: runs several worker processes on one socket and replaces those that die."""

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

from serve.metrics import MULTIPROCESS_DIR
from serve.settings import Settings

RunWorker = Callable[[Settings, socket.socket, bool], int]
FAILED_TO_START = (1, 2, 3)  # exit statuses of a worker that would fail again if restarted; 3 is uvicorn's
_MARGIN = 5.0  # seconds beyond `stop_seconds` after which a worker is killed
_log = logging.getLogger("serve")


class Supervisor:
    """Runs `run_worker(settings, listener, announce)` in `settings.workers` processes; `announce` in the first."""

    def __init__(self, run_worker: RunWorker, settings: Settings, listener: socket.socket):
        self._run_worker = run_worker
        self._settings = settings
        self._listener = listener
        self._context = multiprocessing.get_context("spawn")
        self._stopping = False

    def run(self) -> int:
        """Runs until SIGTERM or SIGINT -> the exit status: 0, or that of a worker that could not start."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle_signal)
        with tempfile.TemporaryDirectory(prefix="unipose-metrics-") as folder:
            os.environ[MULTIPROCESS_DIR] = folder
            workers = [self._start(announce=not i) for i in range(self._settings.workers)]
            status = self._watch(workers)
            self._stop_workers(workers)
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
                sleep(max(0.0, min(1.0, began + 1 - monotonic())))  # at most one restart a second
                began = monotonic()
                workers[i] = self._start(announce=False)
        return 0

    def _stop_workers(self, workers: list[BaseProcess]) -> None:
        for worker in workers:
            worker.terminate()
        end = monotonic() + self._settings.stop_seconds + _MARGIN
        for worker in workers:
            worker.join(max(0.0, end - monotonic()))
            if worker.is_alive():
                worker.kill()
                worker.join()

    def _start(self, announce: bool) -> BaseProcess:
        worker = self._context.Process(target=_run, args=(self._run_worker, self._settings, self._listener, announce))
        worker.start()
        return worker

    def _handle_signal(self, *_: object) -> None:
        self._stopping = True


def _run(run_worker: RunWorker, settings: Settings, listener: socket.socket, announce: bool) -> None:
    raise SystemExit(run_worker(settings, listener, announce))
