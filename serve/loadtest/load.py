"""Load test: how fast the service answers, compared with the same work without the service.

It starts the service itself, on this machine. All measurements are taken in turn in each of three rounds, so that a
machine that slows down affects all of them alike; ratios are computed within a round.
"""

import argparse
import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np
from fastapi import HTTPException

from serve.http.boxes import parse_boxes, require_overlap
from serve.loadtest import baseline
from serve.loadtest.baseline import SeparateProcess, Workload, separate_process
from serve.loadtest.clients import Clients
from serve.loadtest.http_client import encode_request
from serve.loadtest.images import draw_photo
from serve.loadtest.load_report import LoadReport, LoadRound
from serve.loadtest.service_process import ServiceProcess, read_options, running
from serve.settings import Settings
from unipose.cli import exit_status
from unipose.core.file_kinds import image_format
from unipose.core.hardware import cores
from unipose.core.image import Limits, read_image
from unipose.core.types import Boxes

ROUNDS = 3
DRAWN_WH = (640, 480)
MAX_CLIENT_COUNTS, MAX_CLIENTS, MAX_SECONDS = 8, 256, 60.0


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status: 1 where a response had another status than 200."""
    arguments, options = _parser().parse_known_args(argv)

    def run() -> int:
        data = arguments.image.read_bytes() if arguments.image else draw_photo("JPEG", DRAWN_WH)
        boxes = read_boxes(arguments.boxes, data, read_options(options))
        with running(options) as service, separate_process() as process:
            workload = Workload(service.settings, data, boxes)
            inputs = process.run(baseline.count_inputs, workload)
            print("\n".join(_describe(workload, arguments.boxes, inputs, arguments.seconds)), flush=True)
            rounds = [measure(service, process, workload, arguments.clients, arguments.seconds) for _ in range(ROUNDS)]
        report = LoadReport(rounds, inputs, cores() if service.settings.device == "cpu" else None)
        print("\n".join(report.lines()))
        return 0 if report.all_ok else 1

    return exit_status(run)


def measure(
    service: ServiceProcess, process: SeparateProcess, workload: Workload, counts: Sequence[int], seconds: float
) -> LoadRound:
    """One round: the baseline while the service is idle, then the service with each of these numbers of clients."""
    predict_times = process.run(baseline.predict_times, workload, seconds)
    image_times = process.run(baseline.image_times, workload, seconds / 4)
    runtime_rates = process.run(baseline.runtime_rates, workload, seconds)
    metrics_request = encode_request("GET", "/metrics", headers=service.headers)
    clients = Clients(service.port, _pose_request(service, workload), metrics_request)
    stats, usage = {}, {}
    for count in counts:
        stats[count] = asyncio.run(clients.run(count, seconds))
        usage[count] = service.usage()
    return LoadRound(predict_times, image_times, runtime_rates, stats, usage)


def read_boxes(text: str, data: bytes, settings: Settings) -> Boxes | None:
    """The option --boxes: JSON, `whole` (one box) or `detector` (None). Raises ValueError for what gets a 422."""
    height, width = read_image(data, Limits(settings.max_bytes, settings.max_pixels)).shape[:2]
    if text == "detector":
        return None
    if text == "whole":
        return np.array([[0, 0, width, height]], np.float64)
    try:
        boxes = parse_boxes(text, settings.max_people)
        require_overlap(boxes, width, height)
    except HTTPException as error:
        raise ValueError(error.detail) from error
    return boxes


def _pose_request(service: ServiceProcess, workload: Workload) -> bytes:
    boxes = "" if workload.boxes is None else f"?boxes={quote(json.dumps(workload.boxes.tolist()))}"
    return encode_request("POST", f"/pose{boxes}", workload.data, service.headers)


def _describe(workload: Workload, boxes: str, inputs: int, seconds: float) -> Iterator[str]:
    settings = workload.settings
    described = {"whole": "the whole image as one box", "detector": f"no boxes, detector {settings.detector}"}
    yield f"{settings.model.name} on {settings.device}, {cores()} cores, batches of at most {settings.max_batch}"
    yield (
        f"each request: {image_format(workload.data)} of {len(workload.data):,} bytes as the body, "
        f"{described.get(boxes, boxes)}: {inputs} x through the model (an input is a person looked at once)"
    )
    yield f"{ROUNDS} rounds, {seconds:g} s for each measure; RSS and peak are the service's"
    yield ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serve.loadtest.load", description=__doc__, allow_abbrev=False,
        epilog="All further options are the service's: python -m serve --help.",
    )  # fmt: skip
    parser.add_argument("--clients", type=_clients, default=[1, 8, 32], metavar="N,N", help="how many (1,8,32)")
    parser.add_argument("--seconds", type=_seconds, default=3.0, help="for each measure in each round (3)")
    parser.add_argument("--image", type=Path, help="an image file; without: a drawn figure at 640x480")
    parser.add_argument(
        "--boxes", default="whole",
        help="JSON as the service takes it; whole (the default): the image as one box, which is one look for each "
        "request; detector: none, and the service's detector decides",
    )  # fmt: skip
    return parser


def _clients(text: str) -> list[int]:
    numbers = sorted({int(part) for part in text.split(",")})
    if not 1 <= numbers[0] <= numbers[-1] <= MAX_CLIENTS or len(numbers) > MAX_CLIENT_COUNTS:
        raise argparse.ArgumentTypeError(f"at most {MAX_CLIENT_COUNTS} numbers from 1 to {MAX_CLIENTS}, got {text!r}")
    return numbers


def _seconds(text: str) -> float:
    if not 0 < (seconds := float(text)) <= MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"more than 0 and at most {MAX_SECONDS:g}, got {text!r}")
    return seconds


if __name__ == "__main__":
    raise SystemExit(main())
