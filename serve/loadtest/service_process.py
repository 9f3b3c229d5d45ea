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

from serve.loadtest.http_client import LOOPBACK
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

    @property
    def pid(self) -> int:
        return self._started.pid

    @property
    def headers(self) -> dict[str, str]:
        """What a request needs to be let in."""
        keys = self.settings.api_keys
        return {"Authorization": f"Bearer {keys[0].get_secret_value()}"} if keys else {}

    def usage(self) -> Usage:
        """Raises ProcessLookupError once the service has ended."""
        rows = [row for pid in (self.pid, *_children(self.pid)) if (row := _status(pid))]
        if not rows:
            raise ProcessLookupError("the service has ended")
        rss, peak, threads, files = (sum(row[name] for row in rows) for name in ("VmRSS", "VmHWM", "Threads", "files"))
        return Usage(rss / 1024, peak / 1024, files, threads)

    @property
    def tracebacks(self) -> int:
        """How many it has logged."""
        return self.log.read_text().count("Traceback (most recent call last)")

    def stop(self) -> int:
        """SIGTERM -> the exit status; of one that does not end in time, that of its being killed."""
        self._started.send_signal(signal.SIGTERM)
        try:
            return self._started.wait(self.settings.stop_seconds + _SPARE_SECONDS)
        except subprocess.TimeoutExpired:
            self._started.kill()
            return self._started.wait()


def read_options(options: Sequence[str]) -> Settings:
    """The service's settings. Raises ValueError for what cannot be, and for another host than this one."""
    settings = read_settings(options)
    if settings.host != LOOPBACK:
        raise ValueError(f"--host is {settings.host!r}: only {LOOPBACK} is put under load")
    return settings


@contextmanager
def running(options: Sequence[str]) -> Iterator[Process]:
    """`python -m serve OPTIONS`, by default on a free port, until the end of the block.

    Raises ValueError as `read_options` does, and for a service that does not start.
    """
    if not _PROC.is_dir():
        raise ValueError("memory is read from /proc, which Linux has")
    options = ["--port", "0", *options]
    settings = read_options(options)
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
    try:
        return [int(child) for child in (_PROC / f"{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _status(pid: int) -> dict[str, int]:
    """A process's VmRSS and VmHWM in kilobytes, Threads, and open files; nothing of one that has ended."""
    try:
        lines = (line.split() for line in (_PROC / f"{pid}/status").read_text().splitlines())
        files = len(os.listdir(_PROC / f"{pid}/fd"))
    except (FileNotFoundError, ProcessLookupError):
        return {}
    row = {words[0].rstrip(":"): int(words[1]) for words in lines if words[0] in ("VmRSS:", "VmHWM:", "Threads:")}
    return row | {"files": files} if "VmRSS" in row else {}  # it is missing where nobody has waited for the end yet
