"""Pose formats: the forms in which poses leave UniPose, as a JSON document per image or lines of text per frame."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from unipose.core.model_spec import ModelSpec
from unipose.core.pose import Pose
from unipose.core.skeleton import Skeleton
from unipose.core.types import Json

Document = Callable[[Sequence[Pose], tuple[int, int], ModelSpec], Json]
Lines = Callable[[int, float, Sequence[Pose], Skeleton], list[str]]


@dataclass(frozen=True)
class PoseFormat:
    """One form, for a video's frames and for an image.

    `lines(frame, time, poses, skeleton)`: a frame as lines of text, so that a file that is cut off after any line is
    valid; `header` comes before all of them. `document(poses, image_wh, spec)`: an image's poses as JSON, where there
    is such a form. Both raise ValueError for a skeleton that the form cannot hold.
    """

    lines: Lines
    document: Document | None = None
    header: str | None = None


def native_document(poses: Sequence[Pose], image_wh: tuple[int, int], spec: ModelSpec) -> Json:
    """UniPose's own form: the image's size, the model's name, and every pose with named keypoints."""
    width, height = image_wh
    people = [pose.to_native(spec.skeleton) for pose in poses]
    return {"width": width, "height": height, "model": spec.to_identity(), "poses": people}


def native_lines(frame: int, time: float, poses: Sequence[Pose], skeleton: Skeleton) -> list[str]:
    """One line per frame."""
    people = [pose.to_native(skeleton) for pose in poses]
    return [json.dumps({"frame": frame, "time": round(time, 6), "poses": people})]


def coco_document(poses: Sequence[Pose], image_wh: tuple[int, int], spec: ModelSpec) -> Json:
    """A COCO keypoint file of one image, with scores in place of visibility."""
    width, height = image_wh
    return {
        "images": [{"id": 1, "width": width, "height": height}],
        "categories": [spec.skeleton.to_coco_category()],
        "annotations": [{"id": i, **pose.to_coco(image_id=1)} for i, pose in enumerate(poses, 1)],
    }


def coco_lines(frame: int, time: float, poses: Sequence[Pose], skeleton: Skeleton) -> list[str]:
    """One line per person: an entry of a COCO result file, whose image id is the frame's number."""
    return [json.dumps({**pose.to_coco(image_id=frame), "time": round(time, 6)}) for pose in poses]


def openpose_document(poses: Sequence[Pose], image_wh: tuple[int, int], spec: ModelSpec) -> Json:
    """What OpenPose writes for an image."""
    return _openpose(poses, spec.skeleton)


def openpose_lines(frame: int, time: float, poses: Sequence[Pose], skeleton: Skeleton) -> list[str]:
    """One line per frame: what OpenPose writes as a file, with frame and time."""
    return [json.dumps(_openpose(poses, skeleton, frame=frame, time=round(time, 6)))]


def _openpose(poses: Sequence[Pose], skeleton: Skeleton, **about: float) -> Json:
    return {"version": 1.3, **about, "people": [pose.to_openpose(skeleton) for pose in poses]}


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
    "native": PoseFormat(native_lines, native_document),
    "coco": PoseFormat(coco_lines, coco_document),
    "openpose": PoseFormat(openpose_lines, openpose_document),
    "csv": PoseFormat(csv_lines, header=_csv_row("frame", "time", "track_id", "keypoint", "x", "y", "score")),
}
DOCUMENTS: dict[str, Document] = {name: row.document for name, row in POSE_FORMATS.items() if row.document}
"""The formats that hold one image's poses."""
