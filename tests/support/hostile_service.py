"""A service process with low limits, whose memory and log are watched and whose responses are counted."""

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
from tests.support.wire import Response, exchange, head, request
from unipose.core.image_limits import MAX_TEXTS

MAX_BYTES, MAX_PIXELS, THREADS, CONNECTIONS = 300_000, 250_000, 2, 96
PIXEL_BUDGET, BODY_BUDGET, STREAMS = 500_000, 2_000_000, 4
OPTIONS = {
    "max-bytes": MAX_BYTES, "max-batch-bytes": 2 * MAX_BYTES, "max-pixels": MAX_PIXELS, "pixel-budget": PIXEL_BUDGET,
    "body-budget": BODY_BUDGET, "image-threads": THREADS, "max-connections": CONNECTIONS, "max-streams": STREAMS,
    "max-video-bytes": MAX_BYTES, "max-video-frames": 50, "max-video-pixels": MAX_PIXELS,
    "max-people": 8, "max-images": 4, "header-seconds": 1, "body-seconds": 2,
}  # fmt: skip
# The memory that it may need beyond that: decoded pixels (those of a cancelled request are decoded to the end) and two
# copies of their files, bodies twice, of JSON three times, a video's frames in its decoder, the texts of PNGs,
# frames received and sent, and socket buffers.
ROOM = (
    24 * (PIXEL_BUDGET + THREADS * MAX_PIXELS) + 2 * THREADS * MAX_BYTES + 3 * BODY_BUDGET + 30 * MAX_PIXELS
    + THREADS * MAX_TEXTS * 4_000_000 + 4 * STREAMS * MAX_BYTES + CONNECTIONS * 400_000
)  # fmt: skip


@dataclass
class Service:
    port: int
    pid: int
    log: Path
    idle: int  # peak memory after its first response
    tally: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def peak(self) -> int:
        """Peak memory in bytes."""
        return 1024 * int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())[1])

    def get(self, path: bytes) -> Response:
        return exchange(self.port, head(b"GET " + path)).responses[0]

    def table(self) -> str:
        rows = [f"{'category':12} {'inputs':>6}  what came back"]
        for category, outcomes in self.tally.items():
            counts = ", ".join(f"{status}: {outcomes.count(status)}" for status in sorted(set(outcomes)))
            rows.append(f"{category:12} {len(outcomes):6}  {counts}")
        rows.append(f"{'together':12} {sum(map(len, self.tally.values())):6}  peak {self.peak / 1e6:.0f} MB, ")
        rows[-1] += f"idle {self.idle / 1e6:.0f} MB, bound {(self.idle + ROOM) / 1e6:.0f} MB"
        return "\n".join(rows)


@contextmanager
def watched(folder: Path, *arguments: str) -> Iterator[Service]:
    """Writes its log, and a table of its responses, into the folder. `arguments`: of the service, besides `OPTIONS`."""
    options = chain.from_iterable((f"--{name}", str(value)) for name, value in OPTIONS.items())
    command = [sys.executable, "-m", "serve", *arguments, "--port", "0", "--threads", "1", *options]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log) as process:
        try:
            announcement = process.stdout.readline() + process.stdout.readline()
            service = Service(int(re.search(rb":(\d+)/pose", announcement)[1]), process.pid, folder / "log", 0)
            assert exchange(service.port, request(b"POST /pose", photo())).responses[0].status == 200
            service.idle = service.peak
            yield service
            (folder / "table.txt").write_text(service.table())
            print("\n" + service.table())
            process.terminate()
            assert process.wait(10) == 0
        finally:
            process.kill()
