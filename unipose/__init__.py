"""UniPose: human pose from images and video.

>>> import unipose
>>> predictor = unipose.load()
>>> result = predictor("photo.jpg")  # one image, or a list of them: paths, arrays, bytes, Pillow's
>>> result.keypoints.shape  # of each person K points, x and y in pixels of the upright image
(1, 19, 2)
>>> result.save("photo.pose.jpg")

What is named here is loaded when it is first used, and none of it needs PyTorch.
"""

import os
import sys
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # from 1.29 on ONNX Runtime reports its use over the network

if TYPE_CHECKING:
    from unipose.core.draw import draw_poses
    from unipose.core.image import read_image
    from unipose.core.pose import Pose
    from unipose.core.result import Result
    from unipose.inference.loading import load
    from unipose.inference.predictor import Predictor
    from unipose.tracking.pose_tracker import PoseTracker

__version__ = "0.1.0"
__all__ = ["Pose", "PoseTracker", "Predictor", "Result", "__version__", "draw_poses", "load", "read_image"]

_HOMES = {
    "Pose": "unipose.core.pose",
    "PoseTracker": "unipose.tracking.pose_tracker",
    "Predictor": "unipose.inference.predictor",
    "Result": "unipose.core.result",
    "draw_poses": "unipose.core.draw",
    "load": "unipose.inference.loading",
    "read_image": "unipose.core.image",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'unipose' has no attribute {name!r}")
    from unipose.core.extras import naming_extras

    with naming_extras(f"unipose.{name}"):
        value: object = vars(import_module(_HOMES[name]))[name]
    globals()[name] = value
    return value


def _end_module(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    from unipose.cli import end_module

    end_module(_own[0], error, traceback)


# Of `python -m unipose.VERB` the imports come before what tells errors in a line.
_own = [word for word in sys.orig_argv if word.partition(".")[0] in ("unipose", "serve") and sys.argv[:1] == ["-m"]]
if _own:
    sys.excepthook = _end_module


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
