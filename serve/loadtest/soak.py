"""Soak test: valid, invalid, slow and disconnecting clients for a time, and a check that the service stays healthy.

It starts the service itself, on this machine. The exit status is 1 where the service died, gave an unexpected response,
lost one, was not ready at the end, left files open, grew in memory, logged a traceback or did not stop.
"""

import argparse
import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from time import monotonic

from serve.loadtest.http_client import Connection, encode_request
from serve.loadtest.memory_curve import Sample, is_curve, write_csv
from serve.loadtest.scenarios import BUSY, Scenario, Scenarios
from serve.loadtest.service_process import ServiceProcess, running
from serve.loadtest.soak_report import SoakReport
from unipose.cli import exit_status
from unipose.core.files import refuse_overwrite

# The service's settings unless others are given: low limits, which the clients reach.
DEFAULTS = ("--max-bytes", "2000000", "--body-seconds", "2", "--header-seconds", "2", "--log-level", "warning")
MAX_MINUTES, MAX_CLIENTS = 24 * 60.0, 256
LOST, WRONG = "lost", "wrong"  # outcomes: no response in time; one that is malformed
_SAMPLE_SECONDS = 5.0  # between samples of the usage; less in a short test
_SETTLE_SECONDS = 15  # after the last client has disconnected
_RETRY_SECONDS = 0.1  # before a client goes on after a 429 or a lost response


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status."""
    arguments, options = _parser().parse_known_args(argv)

    def run() -> int:
        if arguments.csv:
            refuse_overwrite([arguments.csv], [], is_curve, arguments.force)
        with running([*DEFAULTS, *options]) as process:
            print(f"{arguments.clients} clients for {arguments.minutes:g} minutes\n", flush=True)
            report = asyncio.run(soak(process, 60 * arguments.minutes, arguments.clients))
            report.faults += _stop(process)
        if arguments.csv:
            write_csv(arguments.csv, report.samples)
        print("\n".join(report.lines()))
        return 1 if report.faults else 0

    return exit_status(run)


async def soak(process: ServiceProcess, seconds: float, clients: int) -> SoakReport:
    """Run clients, which take their scenarios from one shuffled sequence.

    After a fifth of the time all of them disconnect for a moment, to count the files that a warm service has open.
    """
    report, scenarios = SoakReport(), Scenarios(process).by_name
    order = _shuffle(scenarios)
    sampling = asyncio.create_task(_sample_usage(process, report, seconds))
    files = []
    for part in (0.2, 0.8):
        end = monotonic() + part * seconds
        await asyncio.gather(*(_client(process, scenarios, order, Random(i), end, report) for i in range(clients)))
        files.append(await _idle_files(process))
    sampling.cancel()
    report.find_faults(scenarios)
    if files[1] > files[0]:
        report.faults.append(f"{files[0]} files were open before, {files[1]} are at the end")
    if fault := await _not_ready(process):
        report.faults.append(fault)
    return report


def _shuffle(scenarios: Mapping[str, Scenario]) -> Iterator[str]:
    """Names without end: every scenario as often as its weight says, in random order, then all of them again."""
    rng = Random(0)
    names = [name for name, scenario in scenarios.items() for _ in range(scenario.weight)]
    while True:
        yield from rng.sample(names, len(names))


async def _client(
    process: ServiceProcess, scenarios: Mapping[str, Scenario], order: Iterator[str], rng: Random, end: float,
    report: SoakReport,
) -> None:  # fmt: skip
    while monotonic() < end and process.alive:
        name = next(order)
        try:
            outcome = await scenarios[name].run(rng)
        except OSError:  # TimeoutError included
            outcome = LOST
        except ValueError:
            outcome = WRONG
        report.outcomes[name, outcome] += 1
        if outcome in (BUSY, LOST):
            await asyncio.sleep(_RETRY_SECONDS)


async def _sample_usage(process: ServiceProcess, report: SoakReport, seconds: float) -> None:
    began = monotonic()
    while process.alive:
        report.samples.append(Sample(monotonic() - began, process.usage()))
        await asyncio.sleep(min(_SAMPLE_SECONDS, seconds / 100))


async def _idle_files(process: ServiceProcess) -> int:
    """How many files are open once the service has noticed that all clients are gone; 0 if it died."""
    files = 0
    for _ in range(_SETTLE_SECONDS):
        if not process.alive:
            return 0
        before, files = files, process.usage().files
        if before == files:
            break
        await asyncio.sleep(1)
    return files


async def _not_ready(process: ServiceProcess) -> str | None:
    try:
        connection = await Connection.open(process.port)
        response = await connection.request(encode_request("GET", "/readyz"), _SETTLE_SECONDS)
    except OSError as error:
        return f"it is not there at the end: {error}"
    connection.close()
    return None if response.status == 200 else f"it is not ready at the end, but says {response.status}"


def _stop(process: ServiceProcess) -> Iterator[str]:
    """Stop the service -> what was wrong with that."""
    if status := process.stop():
        yield f"it ended with status {status}"
    if process.tracebacks:
        yield f"it logged {process.tracebacks} tracebacks"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serve.loadtest.soak", description=__doc__, allow_abbrev=False,
        epilog=f"All further options are the service's: python -m serve --help. Defaults here: {' '.join(DEFAULTS)}.",
    )  # fmt: skip
    parser.add_argument("--minutes", type=_minutes, default=10.0, help="how long (10)")
    parser.add_argument("--clients", type=_clients, default=8, help="how many at a time (8)")
    parser.add_argument("--csv", type=Path, help="a file for memory, open files and threads over time")
    parser.add_argument("--force", action="store_true", help="let --csv replace a file that is no earlier one")
    return parser


def _minutes(text: str) -> float:
    if not 0 < (minutes := float(text)) <= MAX_MINUTES:
        raise argparse.ArgumentTypeError(f"more than 0 and at most {MAX_MINUTES:g}, got {text!r}")
    return minutes


def _clients(text: str) -> int:
    if not 1 <= (clients := int(text)) <= MAX_CLIENTS:
        raise argparse.ArgumentTypeError(f"1 to {MAX_CLIENTS}, got {text!r}")
    return clients


if __name__ == "__main__":
    raise SystemExit(main())
