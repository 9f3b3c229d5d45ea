"""Process: a service started on a free port of this machine, and what the system says of its memory."""

import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from serve.client import LOOPBACK
from serve.settings import Settings, read_settings

_PROC = Path("/proc")
_START_SECONDS = 120.0
_SPARE_SECONDS = 10.0  # what an end may take beyond `stop_seconds`


@dataclass(frozen=True)
class Usage:
    """Of a service's processes together: memory now and at most (megabytes), open files, threads."""

    rss: float
    peak: float
    files: int
    threads: int


@dataclass
class Process:
    """A service that listens. `log` is the file with what it said on standard error."""

    port: int
    settings: Settings
    log: Path
    _started: "subprocess.Popen[str]"

    @property
    def alive(self) -> bool:
        return self._started.poll() is None

    def usage(self) -> Usage:
        """Raises ProcessLookupError or FileNotFoundError once it has ended."""
        family = [self._started.pid, *_children(self._started.pid)]
        rows = [_status(pid) for pid in family]
        rss, peak, threads = (sum(row[name] for row in rows) for name in ("VmRSS", "VmHWM", "Threads"))
        files = sum(len(os.listdir(_PROC / str(pid) / "fd")) for pid in family)
        return Usage(rss / 1024, peak / 1024, files, threads)

    def stop(self) -> int:
        """SIGTERM -> the exit status; of one that does not end in time, that of its being killed."""
        self._started.send_signal(signal.SIGTERM)
        try:
            return self._started.wait(self.settings.stop_seconds + _SPARE_SECONDS)
        except subprocess.TimeoutExpired:
            self._started.kill()
            return self._started.wait()


@contextmanager
def running(options: Sequence[str]) -> Iterator[Process]:
    """`python -m serve OPTIONS`, by default on a free port, until the end of the block.

    Raises ValueError for options that cannot be, another host than this one, and a service that does not start.
    """
    if not _PROC.is_dir():
        raise ValueError("memory is read from /proc, which Linux has")
    options = ["--port", "0", *options]
    settings = read_settings(options)
    if settings.host != LOOPBACK:
        raise ValueError(f"--host is {settings.host!r}: this is only ever done to {LOOPBACK}")
    with tempfile.TemporaryDirectory(prefix="unipose-service-") as folder:
        log = Path(folder) / "log"
        with log.open("w") as errors:
            command = [sys.executable, "-m", "serve", *options]
            started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        process = Process(0, settings, log, started)
        with started:
            try:
                assert started.stdout is not None
                process.port = _port(started.stdout, log)
                yield process
            finally:
                process.stop()


def _port(said: IO[str], log: Path) -> int:
    """The port in a service's first words. Raises ValueError where it says none in time."""
    heard = said.readline() if select.select([said], [], [], _START_SECONDS)[0] else ""
    _, found, rest = heard.partition(f"listens on http://{LOOPBACK}:")
    if not found:
        raise ValueError(f"the service did not start: {log.read_text().strip() or 'it said nothing'}")
    return int(rest.split(" ")[0])


def _children(pid: int) -> list[int]:
    return [int(child) for child in (_PROC / f"{pid}/task/{pid}/children").read_text().split()]


def _status(pid: int) -> dict[str, int]:
    """The numbers of /proc/PID/status, memory in kilobytes."""
    lines = (line.split() for line in (_PROC / f"{pid}/status").read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in lines if len(words) > 1 and words[1].isdecimal()}
