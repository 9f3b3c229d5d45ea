"""Pose formats: poses as a JSON document per image, or as lines of text per video frame."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unipose.core.model_spec import ModelSpec
from unipose.core.pose import Pose
from unipose.core.skeleton import SKELETONS, Skeleton
from unipose.core.types import Json

Document = Callable[[Sequence[Pose], tuple[int, int], ModelSpec], Json]
Lines = Callable[[int, float, Sequence[Pose], Skeleton], list[str]]


@dataclass(frozen=True)
class PoseFormat:
    """One format, for the frames of a video and for an image.

    `lines(frame, time, poses, skeleton)`: a frame as lines of text, so that a file cut off after any line is still
    valid; `header` is the file's first line. `document(poses, image_wh, spec)`: an image's poses as JSON, where the
    format has that. Both raise ValueError for a skeleton that the format cannot hold. `keys`: what every line has.
    """

    lines: Lines
    document: Document | None = None
    header: str | None = None
    keys: tuple[str, ...] = ()

    def check(self, skeleton: Skeleton) -> None:
        """Raises ValueError for a skeleton that the format cannot hold, before there is somebody with it."""
        count = len(skeleton.keypoints)
        self.lines(0, 0.0, [Pose(np.zeros((count, 2)), np.zeros(count), np.zeros(4))], skeleton)


def native_document(poses: Sequence[Pose], image_wh: tuple[int, int], spec: ModelSpec) -> Json:
    """UniPose's own format: the image's size, the model's name, and every pose with named keypoints."""
    width, height = image_wh
    people = [pose.to_native(spec.skeleton) for pose in poses]
    return {"width": width, "height": height, "model": spec.to_identity(), "poses": people}


def native_lines(frame: int, time: float, poses: Sequence[Pose], skeleton: Skeleton) -> list[str]:
    """One line per frame."""
    people = [pose.to_native(skeleton) for pose in poses]
    return [json.dumps({"frame": frame, "time": round(time, 6), "poses": people})]


def coco_document(poses: Sequence[Pose], image_wh: tuple[int, int], spec: ModelSpec) -> Json:
    """A COCO keypoint file of one image, with scores instead of visibility flags; which keypoints: see `as_coco`."""
    width, height = image_wh
    poses, skeleton = as_coco(poses, spec.skeleton)
    return {
        "images": [{"id": 1, "width": width, "height": height}],
        "categories": [skeleton.to_coco_category()],
        "annotations": [{"id": i, **pose.to_coco(image_id=1)} for i, pose in enumerate(poses, 1)],
    }


def coco_lines(frame: int, time: float, poses: Sequence[Pose], skeleton: Skeleton) -> list[str]:
    """One line per person: an entry of a COCO result file, with the frame's number as image id; see `as_coco`."""
    poses, _ = as_coco(poses, skeleton)
    return [json.dumps({**pose.to_coco(image_id=frame), "time": round(time, 6)}) for pose in poses]


def as_coco(poses: Sequence[Pose], skeleton: Skeleton) -> tuple[Sequence[Pose], Skeleton]:
    """The poses in COCO's own 17 keypoints, where the skeleton has all of them; else as they are."""
    coco = SKELETONS["coco17"]
    if not set(coco.keypoints) <= set(skeleton.keypoints):
        return poses, skeleton
    order = [skeleton.keypoints.index(name) for name in coco.keypoints]
    return [pose.select(order) for pose in poses], coco


def openpose_document(poses: Sequence[Pose], image_wh: tuple[int, int], spec: ModelSpec) -> Json:
    """The JSON that OpenPose writes for an image."""
    return _openpose(poses, spec.skeleton)


def openpose_lines(frame: int, time: float, poses: Sequence[Pose], skeleton: Skeleton) -> list[str]:
    """One line per frame: the JSON that OpenPose writes as a file, with frame and time."""
    return [json.dumps(_openpose(poses, skeleton, frame=frame, time=round(time, 6)))]


def _openpose(poses: Sequence[Pose], skeleton: Skeleton, **extra: float) -> Json:
    return {"version": 1.3, **extra, "people": [pose.to_openpose(skeleton) for pose in poses]}


def csv_lines(frame: int, time: float, poses: Sequence[Pose], skeleton: Skeleton) -> list[str]:
    """One line per keypoint."""
    return [
        _csv_row(frame, round(time, 6), pose.track_id, name, *xy.round(2).tolist(), round(float(score), 4))
        for pose in poses
        for name, xy, score in zip(skeleton.keypoints, pose.xy_image, pose.score, strict=True)
    ]


def _csv_row(*values: object) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(values)
    return text.getvalue()


POSE_FORMATS: dict[str, PoseFormat] = {
    "native": PoseFormat(native_lines, native_document, keys=("frame", "time", "poses")),
    "coco": PoseFormat(coco_lines, coco_document, keys=("image_id", "keypoints", "bbox", "time")),
    "openpose": PoseFormat(openpose_lines, openpose_document, keys=("version", "frame", "time", "people")),
    "csv": PoseFormat(csv_lines, header=_csv_row("frame", "time", "track_id", "keypoint", "x", "y", "score")),
}
DOCUMENTS: dict[str, Document] = {name: row.document for name, row in POSE_FORMATS.items() if row.document}
"""The formats that hold one image's poses."""
IMAGE_KEYS = ("image", "model", "poses")  # of the document that `unipose predict` writes


def holds_poses(path: Path) -> bool:
    """Whether a file is poses as UniPose writes them: lines of one of the formats, or an image's native document."""
    with path.open("rb") as file:
        first = file.readline()
        if first.strip() == b"{":  # a document, of many lines
            first += file.read()
    text = first.decode("utf-8", "replace").strip()
    if text in {row.header for row in POSE_FORMATS.values()}:
        return True
    try:
        found = json.loads(text)
    except ValueError:
        return False
    kinds = [IMAGE_KEYS, *(row.keys for row in POSE_FORMATS.values() if row.keys)]
    return isinstance(found, dict) and any(set(keys) <= found.keys() for keys in kinds)
