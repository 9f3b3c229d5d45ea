"""Options: which model, detector and treatment of videos a command line asks for, as frozen dataclasses."""

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TypeVar

from unipose.core.heatmap import DECODERS
from unipose.core.pose_formats import POSE_FORMATS
from unipose.core.ranges import within
from unipose.inference.detectors.detector import DETECTORS, WEIGHTS
from unipose.inference.loading import load
from unipose.inference.predictor import Predictor
from unipose.runtime.engines import ENGINES
from unipose.weights import MODEL_HELP, named_model, weights_files

T = TypeVar("T")


@dataclass(frozen=True)
class PredictorOptions:
    """The arguments of `inference.loading.load` of a command line, which may name a model for its file.

    Raises ValueError for a score beyond 0..1.
    """

    model: Path
    engine: str | None = None
    device: str = "cpu"
    flip: bool = False
    decoder: str = "dark"
    min_score: float | None = None
    detector: str = "finder"
    detector_weights: str | None = None
    detector_threshold: float | None = None

    def __post_init__(self) -> None:
        within("--min-score, of a person,", self.min_score, 0, 1)
        object.__setattr__(self, "model", named_model(str(self.model), self.device, self.engine))

    @property
    def files(self) -> list[Path]:
        """What is read besides the images: inputs, which no output may replace."""
        return [self.model, *weights_files(self.detector_weights)]

    def load(self, threads: int = 0) -> Predictor:
        """Raises what `inference.loading.load` raises."""
        return load(**asdict(self), threads=threads)

    def absolute(self) -> "PredictorOptions":
        """With paths that a process in another folder finds."""
        weights = self.detector_weights
        if weights and Path(weights).exists():  # it may be a name
            weights = str(Path(weights).absolute())
        return replace(self, model=self.model.absolute(), detector_weights=weights)


def add_predictor_options(parser: argparse.ArgumentParser) -> None:
    """The fields of PredictorOptions."""
    parser.add_argument("--model", type=Path, default="default", help=MODEL_HELP)
    parser.add_argument("--engine", choices=tuple(ENGINES), help="default: the one for the model's kind of file")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--flip", action="store_true", help="average with the mirrored image: slower, a little better")
    parser.add_argument(
        "--decoder", choices=tuple(DECODERS), default="dark", help="how keypoints are read off heatmaps (default dark)"
    )
    parser.add_argument(
        "--min-score", type=float, metavar="S",
        help="the least score of a person, 0 to 1: how likely the pose is right (default: the model's own)",
    )  # fmt: skip
    add_detector_options(parser)


def add_detector_options(parser: argparse.ArgumentParser) -> None:
    """Who finds the people."""
    parser.add_argument(
        "--detector", choices=tuple(DETECTORS), default="finder",
        help="who finds the people (default finder, UniPose's own); whole takes each image to show one",
    )  # fmt: skip
    parser.add_argument(
        "--detector-weights", metavar="W", help="; ".join(f"for {name} {what}" for name, what in WEIGHTS.items())
    )
    parser.add_argument(
        "--detector-threshold", type=float, metavar="T",
        help="the least score of a detection (default: its own)",
    )  # fmt: skip


@dataclass(frozen=True)
class VideoOptions:
    """How a video's people are tracked and what is written of them. Raises ValueError for values that cannot be.

    `format`: a row of `POSE_FORMATS`. `batch`: frames that are processed together. `sound`: whether it is kept. The
    others are PoseTracker's, which smooths with `smooth`.
    """

    format: str = "native"
    detect_every: int = 8
    batch: int = 4
    max_people: int | None = None
    memory: float = 1.0
    smooth: bool = True
    sound: bool = True

    def __post_init__(self) -> None:
        within("--detect-every", self.detect_every, 1)
        within("--batch", self.batch, 1)
        within("--max-people", self.max_people, 1)
        within("--memory", self.memory, 0)


def add_video_options(parser: argparse.ArgumentParser) -> None:
    """The fields of VideoOptions."""
    parser.add_argument("--format", choices=tuple(POSE_FORMATS), default="native", help="of the lines (default native)")
    parser.add_argument(
        "--detect-every", type=int, default=8, metavar="N",
        help="frames from one detection to the next; between them people are looked for where they were (default 8)",
    )  # fmt: skip
    parser.add_argument("--batch", type=int, default=4, metavar="N", help="frames processed together (default 4)")
    parser.add_argument("--max-people", type=int, metavar="N", help="detected in a frame, the best first")
    parser.add_argument(
        "--memory", type=float, default=1.0, help="seconds out of sight that an id outlives (default 1)"
    )
    parser.add_argument("--no-smooth", dest="smooth", action="store_false", help="each frame's joints by themselves")
    parser.add_argument("--no-sound", dest="sound", action="store_false", help="leave the sound out")


def add_force(parser: argparse.ArgumentParser) -> None:
    """`force`, for `core.files.refuse_overwrite`."""
    parser.add_argument("--force", action="store_true", help="replace files that UniPose did not make; never an input")


def read_options(kind: Callable[..., T], arguments: argparse.Namespace) -> T:
    """A dataclass of options filled from the arguments of its fields' names."""
    values = vars(arguments)
    return kind(**{field.name: values[field.name] for field in fields(kind)})  # type: ignore[arg-type]
