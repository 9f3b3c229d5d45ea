"""How fast the service answers, beside the same work without it.

It starts the service itself, on this machine. Everything is measured in turn over three rounds, so that a drifting
machine slows all alike, and ratios are taken within a round.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np
from fastapi import HTTPException

from serve.http.boxes import parse_boxes, require_overlap
from serve.loadtest import baseline
from serve.loadtest.baseline import Apart, Subject, apart
from serve.loadtest.clients import Crowd
from serve.loadtest.http_client import message
from serve.loadtest.images import draw_photo
from serve.loadtest.load_report import Round, Rounds
from serve.loadtest.service_process import Process, read_options, running
from serve.settings import Settings
from unipose.core.hardware import cores
from unipose.core.image import Limits, image_format, read_image
from unipose.core.types import Boxes

ROUNDS = 3
DRAWN_WH = (640, 480)
MOST_CROWDS, MOST_CLIENTS, MOST_SECONDS = 8, 256, 60.0


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status: 1 where not every answer was 200."""
    arguments, options = _parser().parse_known_args(argv)
    try:
        data = arguments.image.read_bytes() if arguments.image else draw_photo("JPEG", DRAWN_WH)
        boxes = read_boxes(arguments.boxes, data, read_options(options))
        with running(options) as process, apart() as elsewhere:
            subject = Subject(process.settings, data, boxes)
            passes = elsewhere.run(baseline.passes, subject)
            print("\n".join(_describe(subject, arguments.boxes, passes, arguments.seconds)), flush=True)
            rounds = [measure(process, elsewhere, subject, arguments.clients, arguments.seconds) for _ in range(ROUNDS)]
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    together = Rounds(rounds, passes, cores() if process.settings.device == "cpu" else None)
    print("\n".join(together.lines()))
    return 0 if together.faultless else 1


def measure(process: Process, elsewhere: Apart, subject: Subject, clients: Sequence[int], seconds: float) -> Round:
    """Every measure once: those without the service while it idles, then crowds of these numbers of clients."""
    direct = elsewhere.run(baseline.direct, subject, seconds)
    around = elsewhere.run(baseline.around, subject, seconds / 4)
    runtime = elsewhere.run(baseline.runtime_alone, subject, seconds)
    crowd = Crowd(process.port, _question(process, subject), message("GET", "/metrics", headers=process.headers))
    heard, usage = {}, {}
    for number in clients:
        heard[number] = asyncio.run(crowd.ask(number, seconds))
        usage[number] = process.usage()
    return Round(direct, around, runtime, heard, usage)


def read_boxes(text: str, data: bytes, settings: Settings) -> Boxes | None:
    """The option's JSON; `whole`: one box; `detector`: None. Raises ValueError as the service would answer 422."""
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


def _question(process: Process, subject: Subject) -> bytes:
    boxes = "" if subject.boxes is None else f"?boxes={quote(json.dumps(subject.boxes.tolist()))}"
    return message("POST", f"/pose{boxes}", subject.data, process.headers)


def _describe(subject: Subject, boxes: str, passes: int, seconds: float) -> Iterator[str]:
    settings = subject.settings
    asked = {"whole": "the whole image as one box", "detector": f"no boxes, detector {settings.detector}"}
    yield f"{settings.model.name} on {settings.device}, {cores()} cores, batches of at most {settings.max_batch}"
    yield (
        f"each request: {image_format(subject.data)} of {len(subject.data):,} bytes as the body, "
        f"{asked.get(boxes, boxes)}: {passes} x through the model (an input is a person looked at once)"
    )
    yield f"{ROUNDS} rounds, {seconds:g} s for each measure; RSS and peak are the service's"
    yield ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serve.load", description=__doc__, allow_abbrev=False,
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
    if not 1 <= numbers[0] <= numbers[-1] <= MOST_CLIENTS or len(numbers) > MOST_CROWDS:
        raise argparse.ArgumentTypeError(f"at most {MOST_CROWDS} numbers from 1 to {MOST_CLIENTS}, got {text!r}")
    return numbers


def _seconds(text: str) -> float:
    if not 0 < (seconds := float(text)) <= MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"more than 0 and at most {MOST_SECONDS:g}, got {text!r}")
    return seconds


if __name__ == "__main__":
    raise SystemExit(main())
