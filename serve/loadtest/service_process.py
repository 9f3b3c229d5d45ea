"""ServiceProcess: a service started on a free port of this machine, and its resource usage from /proc."""

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
_MARGIN = 10.0  # seconds beyond `stop_seconds` after which the service is killed


@dataclass(frozen=True)
class Usage:
    """The sum over a service's processes: resident memory now and at its peak (megabytes), open files, threads."""

    rss: float
    peak: float
    files: int
    threads: int


@dataclass
class ServiceProcess:
    """A running service. `log`: the file with its standard error."""

    port: int
    settings: Settings
    log: Path
    _popen: "subprocess.Popen[str]"

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def headers(self) -> dict[str, str]:
        """The API key that a request needs, if any."""
        keys = self.settings.api_keys
        return {"Authorization": f"Bearer {keys[0].get_secret_value()}"} if keys else {}

    def usage(self) -> Usage:
        """Raises ProcessLookupError once the service has ended."""
        rows = [row for pid in (self.pid, *_children(self.pid)) if (row := _proc_status(pid))]
        if not rows:
            raise ProcessLookupError("the service has ended")
        rss, peak, threads, files = (sum(row[name] for row in rows) for name in ("VmRSS", "VmHWM", "Threads", "files"))
        return Usage(rss / 1024, peak / 1024, files, threads)

    @property
    def tracebacks(self) -> int:
        """How many tracebacks it has logged."""
        return self.log.read_text(encoding="utf-8", errors="replace").count("Traceback (most recent call last)")

    def stop(self) -> int:
        """SIGTERM, and SIGKILL if it does not end in time -> the exit status."""
        self._popen.send_signal(signal.SIGTERM)
        try:
            return self._popen.wait(self.settings.stop_seconds + _MARGIN)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            return self._popen.wait()


def read_options(options: Sequence[str]) -> Settings:
    """The service's settings. Raises ValueError for invalid ones, and for any host but loopback."""
    settings = read_settings(options)
    if settings.host != LOOPBACK:
        raise ValueError(f"--host is {settings.host!r}: only {LOOPBACK} is put under load")
    return settings


@contextmanager
def running(options: Sequence[str]) -> Iterator[ServiceProcess]:
    """Runs `python -m serve OPTIONS`, by default on a free port, until the end of the block.

    Raises what `read_options` raises, and ValueError for a service that does not start.
    """
    if not _PROC.is_dir():
        raise ValueError("memory is read from /proc, which Linux has")
    options = ["--port", "0", *options]
    settings = read_options(options)
    with tempfile.TemporaryDirectory(prefix="unipose-service-") as folder:
        log = Path(folder) / "log"
        with log.open("w", encoding="utf-8") as errors:
            command = [sys.executable, "-m", "serve", *options]
            popen = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        process = ServiceProcess(0, settings, log, popen)
        with popen:
            try:
                assert popen.stdout is not None
                process.port = _port(popen.stdout, log)
                yield process
            finally:
                process.stop()


def _port(stdout: IO[str], log: Path) -> int:
    """The port in the first line that a service prints. Raises ValueError where there is none in time."""
    line = stdout.readline() if select.select([stdout], [], [], _START_SECONDS)[0] else ""
    _, found, rest = line.partition(f"listens on http://{LOOPBACK}:")
    if not found:
        said = log.read_text(encoding="utf-8", errors="replace").strip()
        raise ValueError(f"the service did not start: {said or 'it said nothing'}")
    return int(rest.split(" ")[0])


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in (_PROC / f"{pid}/task/{pid}/children").read_text(encoding="utf-8").split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _proc_status(pid: int) -> dict[str, int]:
    """A process's VmRSS and VmHWM in kilobytes, Threads, and open files; empty for one that has ended."""
    try:
        lines = (line.split() for line in (_PROC / f"{pid}/status").read_text(encoding="utf-8").splitlines())
        files = len(os.listdir(_PROC / f"{pid}/fd"))
    except (FileNotFoundError, ProcessLookupError):
        return {}
    row = {words[0].rstrip(":"): int(words[1]) for words in lines if words[0] in ("VmRSS:", "VmHWM:", "Threads:")}
    return row | {"files": files} if "VmRSS" in row else {}  # a zombie has none
