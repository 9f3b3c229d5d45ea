"""Lines: a frame's poses as lines of text, for a file that is sound at whatever line it ends."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from unipose.core.pose import Pose
from unipose.core.skeleton import Skeleton

Write = Callable[[int, float, Sequence[Pose], Skeleton], list[str]]


@dataclass(frozen=True)
class Form:
    """`write(frame, time, poses, skeleton)` -> lines; `header` comes before all of them."""

    write: Write
    header: str | None = None


def native(frame: int, time: float, poses: Sequence[Pose], skeleton: Skeleton) -> list[str]:
    """One line for each frame."""
    people = [pose.to_native(skeleton) for pose in poses]
    return [json.dumps({"frame": frame, "time": round(time, 6), "poses": people})]


def coco(frame: int, time: float, poses: Sequence[Pose], skeleton: Skeleton) -> list[str]:
    """One line for each person: an entry of a COCO result file, the frame's number being the image's id."""
    return [json.dumps({**pose.to_coco(image_id=frame), "time": round(time, 6)}) for pose in poses]


def openpose(frame: int, time: float, poses: Sequence[Pose], skeleton: Skeleton) -> list[str]:
    """One line for each frame: what OpenPose writes as a file, with frame and time."""
    people = [pose.to_openpose(skeleton) for pose in poses]
    return [json.dumps({"version": 1.3, "frame": frame, "time": round(time, 6), "people": people})]


def table(frame: int, time: float, poses: Sequence[Pose], skeleton: Skeleton) -> list[str]:
    """One line for each keypoint."""
    return [
        _row(frame, round(time, 6), pose.track_id, name, *xy.round(2).tolist(), round(float(score), 4))
        for pose in poses
        for name, xy, score in zip(skeleton.keypoints, pose.xy_image, pose.score, strict=True)
    ]


def _row(*values: object) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(values)
    return text.getvalue()


FORMS: dict[str, Form] = {
    "native": Form(native),
    "coco": Form(coco),
    "openpose": Form(openpose),
    "csv": Form(table, _row("frame", "time", "track_id", "keypoint", "x", "y", "score")),
}
