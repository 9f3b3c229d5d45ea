"""Worker: an input of a batch to its results, which appear whole or not at all, however often it is tried."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2

from unipose.core.file_kinds import VIDEO_SUFFIXES
from unipose.core.files import fsync
from unipose.core.ranges import within
from unipose.pipelines.image import is_result as is_own_image
from unipose.pipelines.image import predict_image
from unipose.pipelines.options import PredictorOptions, VideoOptions
from unipose.pipelines.video import VideoOutput, track_video
from unipose.video_io.reader import open_video
from unipose.video_io.writer import is_result as is_own_video

ATTEMPTS = 3  # workers that may die of an input
UNFINISHED = ".unfinished"  # the folder in the results' that holds what is being made


@dataclass(frozen=True)
class BatchOptions:
    """What becomes of a folder's images and videos, and who works on it.

    `source` and `out`: the folders of inputs and results. `workers`: how many; `threads`: of each, inside the model;
    None shares the cores among them. `address`: of a Ray cluster, or "local". Raises ValueError for fewer than one.
    """

    source: Path
    out: Path
    predictor: PredictorOptions
    video: VideoOptions
    workers: int | None = None
    threads: int | None = None
    address: str = "local"

    def __post_init__(self) -> None:
        within("--workers", self.workers, 1)
        within("--threads", self.threads, 1)

    def absolute(self) -> "BatchOptions":
        """With paths that a process in another folder finds."""
        predictor = self.predictor.absolute()
        return replace(self, source=self.source.absolute(), out=self.out.absolute(), predictor=predictor)

    def results(self, name: str, folder: Path | None = None) -> list[Path]:
        """What is made of an input, in the order in which it appears: the picture or video, then the poses.

        They keep the whole of the input's name, so that those of a.jpg, a.png and a.mp4 differ. With `folder` they lie
        in that, without the input's own folders.
        """
        lines = ".csv" if self.video.format == "csv" else ".jsonl"
        suffixes = (".mp4", lines) if is_video(name) else (".jpg", ".json")
        path = folder / Path(name).name if folder else self.out / name
        return [path.with_name(path.name + suffix) for suffix in suffixes]

    def is_result(self, path: Path) -> bool:
        """Whether a file among the results was made by UniPose."""
        return (is_own_video if is_video(path.name) else is_own_image)(path)

    def is_done(self, name: str) -> bool:
        """Whether an input has its results, of which the poses appear last."""
        return self.results(name)[-1].exists()


class Worker:
    """Holds a predictor and works on inputs, one after another. `threads`: inside the model."""

    def __init__(self, options: BatchOptions, threads: int):
        """`options`: with absolute paths. Raises what `PredictorOptions.load` raises."""
        cv2.setNumThreads(1)  # the other cores have workers of their own
        self._options = options
        self._predictor = options.predictor.load(threads)

    def __call__(self, group: dict[str, list[str]]) -> Iterator[dict[str, str]]:
        """`inputs` by name -> for each the error, or "" where its results are there, and the lines of warnings."""
        for name in group["inputs"]:
            with _warnings() as warnings:
                error = self._try(name)
            yield {"input": name, "error": error, "warnings": "\n".join(warnings)}

    def _try(self, name: str) -> str:
        try:
            if not self._options.is_done(name):  # by a worker that died after it
                self._make(name)
        except Exception as error:  # whatever it is, the other inputs are still wanted
            return f"{error}" or type(error).__name__
        return ""

    def _make(self, name: str) -> None:
        unfinished = self._options.out / UNFINISHED
        key = sha256(name.encode()).hexdigest()[:16]
        if len(list(unfinished.glob(f"{key}-*"))) >= ATTEMPTS:  # folders of workers that died
            raise ValueError(f"{ATTEMPTS} workers died of it")
        with TemporaryDirectory(prefix=f"{key}-", dir=unfinished) as folder:
            made = self._options.results(name, Path(folder))
            (self._track if is_video(name) else self._predict)(self._options.source / name, made)
            final = self._options.results(name)
            final[0].parent.mkdir(parents=True, exist_ok=True)
            for path, place in zip(made, final, strict=True):
                fsync(path)
                path.replace(place)

    def _predict(self, source: Path, made: list[Path]) -> None:
        predict_image(self._predictor, source, made[0].with_suffix(""))

    def _track(self, source: Path, made: list[Path]) -> None:
        with open_video(str(source)) as video:
            track_video(self._predictor, video, VideoOutput(*made), self._options.video)


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """What is logged meanwhile, as Ray does not show it."""
    said: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("unipose")
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)


def is_video(name: str) -> bool:
    return Path(name).suffix.lower() in VIDEO_SUFFIXES
