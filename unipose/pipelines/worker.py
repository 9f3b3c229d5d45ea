"""Task: an input of a batch to its results, which appear whole or not at all, however often it is tried."""

import argparse
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
from rich.console import Console

from unipose.core.files import settle
from unipose.pipelines.image import predict_photo
from unipose.pipelines.options import open_predictor
from unipose.pipelines.video import Counts, follow_video
from unipose.video_io.reader import VIDEO_SUFFIXES, open_video

ATTEMPTS = 3  # workers that an input may take with them
UNFINISHED = ".unfinished"  # the folder in the results' that holds what is being made


class Worker:
    """Holds a predictor. `arguments`: those of `unipose batch`, with absolute paths; `threads`: inside the model."""

    def __init__(self, arguments: argparse.Namespace, threads: int):
        cv2.setNumThreads(1)  # the other cores have workers of their own
        self._arguments = arguments
        self._predictor = open_predictor(arguments, threads)

    def __call__(self, group: dict[str, list[str]]) -> Iterator[dict[str, str]]:
        """`inputs` by name -> for each the error, or "" where its results are there."""
        for name in group["inputs"]:
            yield {"input": name, "error": self._try(name)}

    def _try(self, name: str) -> str:
        try:
            if not is_done(self._arguments, name):  # by the attempt of a worker that died after it
                self._make(name)
        except Exception as error:  # whatever it is, the other inputs are still wanted
            return f"{error}" or type(error).__name__
        return ""

    def _make(self, name: str) -> None:
        unfinished = self._arguments.out / UNFINISHED
        key = sha256(name.encode()).hexdigest()[:16]
        if len(list(unfinished.glob(f"{key}-*"))) >= ATTEMPTS:  # what the dead have left
            raise ValueError(f"{ATTEMPTS} workers died of it")
        with TemporaryDirectory(prefix=f"{key}-", dir=unfinished) as folder:
            made = results(self._arguments, name, Path(folder))
            (self._follow if is_video(name) else self._predict)(self._arguments.source / name, made)
            final = results(self._arguments, name)
            final[0].parent.mkdir(parents=True, exist_ok=True)
            for path, place in zip(made, final, strict=True):
                settle(path)
                path.replace(place)

    def _predict(self, source: Path, made: list[Path]) -> None:
        predict_photo(self._predictor, source, made[0].with_suffix(""))

    def _follow(self, source: Path, made: list[Path]) -> None:
        counts = Counts()
        files = {"out": made[0], "json": str(made[1])}
        with open_video(str(source)) as video:
            options = argparse.Namespace(**{**vars(self._arguments), **files})
            follow_video(self._predictor, video, options, Console(quiet=True), counts)
        if not counts.frames:
            raise ValueError(f"{source} has no pictures in it")


def is_video(name: str) -> bool:
    return Path(name).suffix.lower() in VIDEO_SUFFIXES


def results(arguments: argparse.Namespace, name: str, folder: Path | None = None) -> list[Path]:
    """What is made of an input, in the order in which it appears: the picture or video, then the poses.

    They are named after the whole of the input's name: a.jpg and a.png, or a.mp4, do not meet. In `folder`, if given,
    without the input's own folders.
    """
    lines = ".csv" if arguments.format == "csv" else ".jsonl"
    suffixes = (".mp4", lines) if is_video(name) else (".jpg", ".json")
    path = folder / Path(name).name if folder else arguments.out / name
    return [path.with_name(path.name + suffix) for suffix in suffixes]


def is_done(arguments: argparse.Namespace, name: str) -> bool:
    """The poses appear last."""
    return results(arguments, name)[-1].exists()
