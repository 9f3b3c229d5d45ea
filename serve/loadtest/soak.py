"""Put the service through good, bad, slow and impatient clients for a time, and see whether it stays sound.

It starts the service itself, on this machine. The exit status is 1 where the service died, told a client what it should
not, lost an answer, was not ready at the end, kept files open, grew, logged a traceback or did not stop.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from time import monotonic

from serve.loadtest.http_client import Connection, message
from serve.loadtest.memory_curve import Sample, write_csv
from serve.loadtest.scenarios import BUSY, Mix
from serve.loadtest.service_process import Process, running
from serve.loadtest.soak_report import Diary

# The service's settings, where none are given: limits that are soon reached.
DEFAULTS = ("--max-bytes", "2000000", "--body-seconds", "2", "--header-seconds", "2", "--log-level", "warning")
MOST_MINUTES, MOST_CLIENTS = 24 * 60.0, 256
LOST, WRONG = "lost", "wrong"  # no answer in time; one that cannot be read
_EVERY = 5.0  # seconds between samples, and less where that would be few
_SETTLE_SECONDS = 15  # after the last client has gone
_PAUSE = 0.1  # seconds before a client goes on who was told to come again


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status."""
    arguments, options = _parser().parse_known_args(argv)
    try:
        with running([*DEFAULTS, *options]) as process:
            print(f"{arguments.clients} clients for {arguments.minutes:g} minutes\n", flush=True)
            diary = asyncio.run(soak(process, 60 * arguments.minutes, arguments.clients))
            diary.faults += _end(process)
        if arguments.csv:
            write_csv(arguments.csv, diary.samples)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("\n".join(diary.lines()))
    return 1 if diary.faults else 0


async def soak(process: Process, seconds: float, clients: int) -> Diary:
    """What happened. Clients share a deck of the mix's ways, which is dealt again and again.

    After a fifth of the time all of them leave for a moment, to see how many files a warm service has open.
    """
    diary, mix = Diary(), Mix(process)
    deck = _deal(mix)
    sampling = asyncio.create_task(_sample(process, diary, seconds))
    files = []
    for part in (0.2, 0.8):
        end = monotonic() + part * seconds
        await asyncio.gather(*(_client(process, mix, deck, Random(i), end, diary) for i in range(clients)))
        files.append(await _files_at_rest(process))
    sampling.cancel()
    diary.judge(mix.ways)
    if files[1] > files[0]:
        diary.faults.append(f"{files[0]} files were open before, {files[1]} are at the end")
    if fault := await _not_ready(process):
        diary.faults.append(fault)
    return diary


def _deal(mix: Mix) -> Iterator[str]:
    rng = Random(0)
    deck = [name for name, way in mix.ways.items() for _ in range(way.weight)]
    while True:
        yield from rng.sample(deck, len(deck))


async def _client(process: Process, mix: Mix, deck: Iterator[str], rng: Random, end: float, diary: Diary) -> None:
    while monotonic() < end and process.alive:
        name = next(deck)
        try:
            told = await mix.ways[name].act(rng)
        except OSError:  # a time-out is one too
            told = LOST
        except ValueError:
            told = WRONG
        diary.told[name, told] += 1
        if told in (BUSY, LOST):
            await asyncio.sleep(_PAUSE)


async def _sample(process: Process, diary: Diary, seconds: float) -> None:
    began = monotonic()
    while process.alive:
        diary.samples.append(Sample(monotonic() - began, process.usage()))
        await asyncio.sleep(min(_EVERY, seconds / 100))


async def _files_at_rest(process: Process) -> int:
    """How many are open once all clients have gone, which the service may have to learn first; 0 of one that died."""
    files = 0
    for _ in range(_SETTLE_SECONDS):
        if not process.alive:
            return 0
        before, files = files, process.usage().files
        if before == files:
            break
        await asyncio.sleep(1)
    return files


async def _not_ready(process: Process) -> str | None:
    try:
        connection = await Connection.open(process.port)
        told = await connection.ask(message("GET", "/readyz"), _SETTLE_SECONDS)
    except OSError as error:
        return f"it is not there at the end: {error}"
    connection.close()
    return None if told.status == 200 else f"it is not ready at the end, but says {told.status}"


def _end(process: Process) -> Iterator[str]:
    if status := process.stop():
        yield f"it ended with status {status}"
    if process.tracebacks:
        yield f"it logged {process.tracebacks} tracebacks"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serve.soak", description=__doc__, allow_abbrev=False,
        epilog=f"All further options are the service's: python -m serve --help. Defaults here: {' '.join(DEFAULTS)}.",
    )  # fmt: skip
    parser.add_argument("--minutes", type=_minutes, default=10.0, help="how long (10)")
    parser.add_argument("--clients", type=_clients, default=8, help="how many at a time (8)")
    parser.add_argument("--csv", type=Path, help="a file for memory, open files and threads over time")
    return parser


def _minutes(text: str) -> float:
    if not 0 < (minutes := float(text)) <= MOST_MINUTES:
        raise argparse.ArgumentTypeError(f"more than 0 and at most {MOST_MINUTES:g}, got {text!r}")
    return minutes


def _clients(text: str) -> int:
    if not 1 <= (clients := int(text)) <= MOST_CLIENTS:
        raise argparse.ArgumentTypeError(f"1 to {MOST_CLIENTS}, got {text!r}")
    return clients


if __name__ == "__main__":
    raise SystemExit(main())
