"""`unipose batch IN --out DIR`: every image and video of a folder, by several processes on one machine or many."""

import argparse
import json
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TextIO

from rich.console import Console

from unipose.cli import INTERRUPTED, exit_status
from unipose.core.arguments import Parser
from unipose.core.file_kinds import IMAGE_SUFFIXES, UNREAD_SUFFIXES, VIDEO_SUFFIXES
from unipose.core.files import refuse_overwrite
from unipose.core.folders import files_below
from unipose.pipelines.options import (
    PredictorOptions,
    VideoOptions,
    add_force,
    add_predictor_options,
    add_video_options,
    read_options,
)
from unipose.pipelines.progress import progress
from unipose.pipelines.ray_pool import ray_cluster, work
from unipose.pipelines.video import open_tracker
from unipose.pipelines.worker import UNFINISHED, BatchOptions, is_video

FAILED = "failed.jsonl"


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    return exit_status(lambda: _run(read_batch(arguments), Console(stderr=True), arguments.force))


def _run(options: BatchOptions, console: Console, force: bool) -> int:
    outcome = Outcome()
    try:
        run(options, console, outcome, force)
    except KeyboardInterrupt:
        print(f"interrupted: {outcome}; the same command does the rest", file=sys.stderr)
        return INTERRUPTED
    print(f"{options.source}: {outcome}", file=sys.stderr)
    return 1 if outcome.failed else 0


@dataclass
class Outcome:
    """What became of the inputs so far. `passed_over`: how many files are called as neither image nor video."""

    before: int = 0
    done: int = 0
    failed: int = 0
    passed_over: Counter[str] = field(default_factory=Counter)
    began: float = field(default_factory=monotonic)
    first: float | None = None

    def add(self, error: str) -> None:
        self.done += not error
        self.failed += bool(error)
        self.first = self.first or monotonic()

    def __str__(self) -> str:
        parts = [f"{self.done} done"]
        if self.before:
            parts.append(f"{self.before} were done before")
        if self.failed:
            parts.append(f"{self.failed} failed, listed in {FAILED}")
        if self.passed_over:
            kinds = ", ".join(suffix or "no suffix" for suffix in sorted(self.passed_over))
            parts.append(f"other files passed over: {self.passed_over.total()} ({kinds})")
        if self.first:
            parts.append(f"in {monotonic() - self.began:.1f} s, the first after {self.first - self.began:.1f} s")
        return ", ".join(parts)


def _parser() -> Parser:
    parser = Parser(prog="unipose batch", description=__doc__)
    parser.add_argument("source", type=Path, metavar="IN", help="a folder of images and videos, with its subfolders")
    parser.add_argument(
        "--out", type=Path, required=True,
        help="folder for NAME.jpg and NAME.json of an image NAME, NAME.mp4 and NAME.jsonl of a video; what is in it is "
        "not made again",
    )  # fmt: skip
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: one for each core)")
    parser.add_argument("--threads", type=int, metavar="N", help="of each (default: its share of the cores)")
    parser.add_argument(
        "--address", default="local",
        help="of a Ray cluster, whose machines see both folders by the same names; local, the default, is this machine",
    )  # fmt: skip
    add_predictor_options(parser)
    add_video_options(parser)
    add_force(parser)
    return parser


def read_batch(a: argparse.Namespace) -> BatchOptions:
    """Raises ValueError for options that cannot be."""
    predictor, video = read_options(PredictorOptions, a), read_options(VideoOptions, a)
    return BatchOptions(a.source, a.out, predictor, video, a.workers, a.threads, a.address)


def run(options: BatchOptions, console: Console, outcome: Outcome, force: bool = False) -> None:
    """Make the results that are missing; `force`: where they would be, files that UniPose did not make are replaced.

    Raises ValueError or OSError, before anything is made, for what cannot be.
    """
    options = options.absolute()
    names, outcome.passed_over = find_inputs(options.source, options.out)
    missing = [name for name in names if not options.is_done(name)]
    outcome.before = len(names) - len(missing)
    results = (path for name in missing for path in options.results(name))
    inputs = [*(options.source / name for name in names), *options.predictor.files]
    refuse_overwrite(results, inputs, options.is_result, force)
    refuse_overwrite([options.out / FAILED], inputs, lists_failures, force)
    open_tracker(options.predictor.load(), options.video)  # told here what would stop every worker
    with prepared_folder(options.out) as failures:
        if not missing:
            return
        with ray_cluster(options.address), progress(console, "inputs", len(missing)) as advance:
            for name, error, warnings in work(options, missing):
                said = [f"warning: {warning}" for warning in warnings] + [f"error: {name}: {error}"] * bool(error)
                for line in said:
                    console.print(line, markup=False, highlight=False, soft_wrap=True)
                if error:
                    print(json.dumps({"input": name, "error": error}), file=failures, flush=True)
                outcome.add(error)
                advance()


def lists_failures(path: Path) -> bool:
    """Whether a file is the list of failures of a batch."""
    with path.open(encoding="utf-8", errors="replace") as file:
        first = file.readline()
    return first.startswith('{"input": ') and '"error": ' in first


def find_inputs(folder: Path, out: Path) -> tuple[list[str], Counter[str]]:
    """The names, relative to the folder, of its images and videos: the largest videos first, then images by name.

    And how many other files there are, by suffix. Which folders are searched: see `files_below`. Raises ValueError
    where there is nothing.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder")
    if folder.resolve() == out.resolve():
        raise ValueError("IN and --out are the same folder: results would be taken for inputs")
    known = IMAGE_SUFFIXES + UNREAD_SUFFIXES + VIDEO_SUFFIXES
    found, passed_over = [], Counter[str]()
    for path in files_below(folder, out):
        if path.suffix.lower() in known:
            found.append(path)
        else:
            passed_over[path.suffix.lower()] += 1
    if not found:
        raise ValueError(f"{folder} holds no images or videos ({', '.join(IMAGE_SUFFIXES + VIDEO_SUFFIXES)})")
    found.sort(key=lambda path: (-path.stat().st_size if is_video(path.name) and path.exists() else 0, path))
    return [path.relative_to(folder).as_posix() for path in found], passed_over


@contextmanager
def prepared_folder(out: Path) -> Iterator[TextIO]:
    """The results' folder, with a place for what is unfinished -> the list of failures, if any."""
    unfinished, failed = out / UNFINISHED, out / FAILED
    shutil.rmtree(unfinished, ignore_errors=True)  # left by a run that was killed
    unfinished.mkdir(parents=True)
    try:
        with failed.open("w", encoding="utf-8") as file:
            yield file
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        if not failed.stat().st_size:
            failed.unlink()


if __name__ == "__main__":
    raise SystemExit(main())
