"""A process with small limits, whose memory and log are watched, and what it answers counted."""

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from tests.support.bright_service import photo
from tests.support.wire import Answer, head, request, talk
from unipose.core.image_limits import MAX_TEXTS

MAX_BYTES, MAX_PIXELS, THREADS, CONNECTIONS = 300_000, 250_000, 2, 96
PIXEL_BUDGET, BODY_BUDGET, STREAMS = 500_000, 2_000_000, 4
OPTIONS = {
    "max-bytes": MAX_BYTES, "max-batch-bytes": 2 * MAX_BYTES, "max-pixels": MAX_PIXELS, "pixel-budget": PIXEL_BUDGET,
    "body-budget": BODY_BUDGET, "image-threads": THREADS, "max-connections": CONNECTIONS, "max-streams": STREAMS,
    "max-people": 8, "max-images": 4, "header-seconds": 1, "body-seconds": 2,
}  # fmt: skip
# What the process may need beyond its start: decoded pixels (those of a request that was given up are still being
# decoded) and two copies of their files, bodies twice, the texts of PNGs, frames in and out, and what sockets hold.
ROOM = (
    24 * (PIXEL_BUDGET + THREADS * MAX_PIXELS) + 2 * THREADS * MAX_BYTES + 2 * BODY_BUDGET
    + THREADS * MAX_TEXTS * 4_000_000 + 4 * STREAMS * MAX_BYTES + CONNECTIONS * 400_000
)  # fmt: skip


@dataclass
class Service:
    port: int
    pid: int
    log: Path
    idle: int  # the most memory that it had needed when it had answered once
    tally: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def peak(self) -> int:
        """Bytes, ever."""
        return 1024 * int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())[1])

    def get(self, path: bytes) -> Answer:
        return talk(self.port, head(b"GET " + path)).answers[0]

    def table(self) -> str:
        rows = [f"{'category':12} {'inputs':>6}  what came back"]
        for category, said in self.tally.items():
            counts = ", ".join(f"{status}: {said.count(status)}" for status in sorted(set(said)))
            rows.append(f"{category:12} {len(said):6}  {counts}")
        rows.append(f"{'together':12} {sum(map(len, self.tally.values())):6}  peak {self.peak / 1e6:.0f} MB, ")
        rows[-1] += f"idle {self.idle / 1e6:.0f} MB, bound {(self.idle + ROOM) / 1e6:.0f} MB"
        return "\n".join(rows)


@contextmanager
def watched(model: Path, folder: Path) -> Iterator[Service]:
    """Leaves its log and the table of what it answered in the folder."""
    options = chain.from_iterable((f"--{name}", str(value)) for name, value in OPTIONS.items())
    command = [sys.executable, "-m", "serve", "--model", str(model), "--port", "0", "--threads", "1", *options]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log) as process:
        try:
            said = process.stdout.readline() + process.stdout.readline()
            service = Service(int(re.search(rb":(\d+)/pose", said)[1]), process.pid, folder / "log", 0)
            assert talk(service.port, request(b"POST /pose", photo())).answers[0].status == 200
            service.idle = service.peak
            yield service
            (folder / "table.txt").write_text(service.table())
            print("\n" + service.table())
            process.terminate()
            assert process.wait(10) == 0
        finally:
            process.kill()
