"""Records: the people in a COCO-keypoint JSON file, the only dataset format."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from unipose.core.boxes import from_xywh
from unipose.core.skeleton import SKELETONS, Skeleton
from unipose.core.types import Bool, Boxes, Float64
from unipose.datasets.coco_json import PEOPLE


@dataclass(frozen=True, eq=False)
class Record:
    """One person: xy_image (K, 2) at pixel centres, labelled (K,), visible (K,), box_xyxy (4,) at pixel edges.

    A keypoint can be labelled and not visible (occluded). `head_size` is PCKh's unit in pixels, where the set has it;
    `frame` is (video_id, frame_id), where the image is a frame of a video.
    """

    id: int
    image_id: int
    image_path: Path
    xy_image: Float64
    labelled: Bool
    visible: Bool
    box_xyxy: Float64
    head_size: float | None
    frame: tuple[int, int] | None = None
    area: float = 0.0
    """The person's, in square pixels: COCO's segment, or where a set has none the box."""


@dataclass(frozen=True, eq=False)
class Annotated:
    """Everybody annotated in an image, with keypoints or without: box_xyxy (N, 4) at pixel edges, crowd (N,).

    The box of a `crowd` surrounds people who are not annotated one by one.
    """

    boxes_xyxy: Boxes
    crowd: Bool

    def __len__(self) -> int:
        return len(self.crowd)


@dataclass(frozen=True)
class RecordSet:
    """The records of a file, grouped by image; `images` maps the id of every image in it to its path.

    `boxes` are those of all people in an image, where it shows any; `complete`: nobody lacks one, as the file says.
    """

    path: Path
    skeleton: Skeleton
    records: tuple[Record, ...]
    images: dict[int, Path]
    boxes: dict[int, Annotated] = field(default_factory=dict)
    complete: bool = True

    @property
    def files(self) -> list[Path]:
        """What it is read from."""
        return [self.path, *self.images.values()]

    def onto(self, skeleton: Skeleton) -> "RecordSet":
        """The same people with another skeleton's keypoints, matched by name; those that the set lacks are unlabelled.

        Raises ValueError where the two share no keypoint.
        """
        own = self.skeleton.keypoints
        places = np.array([own.index(name) if name in own else -1 for name in skeleton.keypoints])
        known = places >= 0
        if not known.any():
            raise ValueError(f"{self.path} has no keypoint of {skeleton.name}: it has {', '.join(own)}")
        records = tuple(
            replace(
                record,
                xy_image=np.where(known[:, None], record.xy_image[places], 0.0),
                labelled=record.labelled[places] & known,
                visible=record.visible[places] & known,
            )
            for record in self.records
        )
        return replace(self, skeleton=skeleton, records=records)


def read_records(path: str | Path) -> RecordSet:
    """Read the people with at least one labelled keypoint, and the boxes of all; crowds are no records.

    `info.image_root` is the images' folder, relative to the file (default: the file's own folder). `info.people` is
    "some" where people may lack an annotation (default: "all"). The skeleton is the one that
    `categories[0].unipose_skeleton` names or contains, or else the known one with the category's keypoints.
    Raises ValueError for a malformed file, FileNotFoundError where it or an image is missing.
    """
    path = Path(path)
    try:
        data = json.loads(path.read_text())
        skeleton = _skeleton(data["categories"][0])
        info = data.get("info", {})
        root = path.parent / info.get("image_root", ".")
        images = {image["id"]: root / image["file_name"] for image in data["images"]}
        frames = {i["id"]: (i["video_id"], i["frame_id"]) for i in data["images"] if "video_id" in i}
        order = {key: i for i, key in enumerate(images)}
        records = tuple(
            _record(
                annotation, images[annotation["image_id"]], frames.get(annotation["image_id"]), len(skeleton.keypoints)
            )
            for annotation in sorted(data["annotations"], key=lambda annotation: order[annotation["image_id"]])
            if not annotation.get("iscrowd") and any(annotation["keypoints"][2::3])
        )
        boxes = _boxes(
            [one for one in data["annotations"] if one.get("category_id") == data["categories"][0].get("id")]
        )
        people = info.get("people", PEOPLE[True])
        if people not in PEOPLE.values():
            raise ValueError(f"info.people says whether {' or '.join(PEOPLE.values())} are listed, got {people!r}")
    except (KeyError, TypeError, IndexError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path} is not COCO-keypoint JSON (data/README.md says how to make one): {error!r}"
        ) from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    for image in {record.image_path for record in records}:
        if not image.is_file():
            raise FileNotFoundError(f"{path} names the image {image}, which does not exist")
    return RecordSet(path, skeleton, records, images, boxes, complete=people == PEOPLE[True])


def clips(records: Sequence[Record]) -> list[tuple[Record, ...]]:
    """Each video's records in frame order, split where frames are missing.

    Raises ValueError for an image that is not a frame of a video, and for one with several people.
    """
    framed = {record.frame: record for record in records if record.frame}
    for record in records:
        if record.frame is None or framed[record.frame] is not record:
            raise ValueError(
                f"{record.image_path}: clips need images with video_id and frame_id, and one person in each"
            )
    found: list[list[Record]] = []
    for video, number in sorted(framed):
        if (video, number - 1) not in framed:
            found.append([])
        found[-1].append(framed[video, number])
    return [tuple(clip) for clip in found]


def _skeleton(category: dict[str, Any]) -> Skeleton:
    keypoints = tuple(category["keypoints"])
    own = category.get("unipose_skeleton")
    if isinstance(own, dict):
        candidates = [Skeleton.from_dict(own)]
    else:
        candidates = [SKELETONS[own]] if own in SKELETONS else list(SKELETONS.values())
    for skeleton in candidates:
        if skeleton.keypoints == keypoints:
            return skeleton
    raise ValueError(
        f"no skeleton has the keypoints {keypoints}; known are {', '.join(SKELETONS)}, and "
        f"data/prepare_coco.py --skeleton FILE.yaml takes any other"
    )


def _boxes(annotations: Sequence[dict[str, Any]]) -> dict[int, Annotated]:
    """Of every image with annotations. Boxes without area, which no one can be found in, are left out."""
    by_image: dict[int, list[tuple[Float64, bool]]] = {}
    for annotation in annotations:
        box_xyxy = _box(annotation)
        if (box_xyxy[2:] > box_xyxy[:2]).all():
            by_image.setdefault(annotation["image_id"], []).append((box_xyxy, bool(annotation.get("iscrowd"))))
    return {
        image_id: Annotated(np.stack([box for box, _ in people]), np.array([crowd for _, crowd in people]))
        for image_id, people in by_image.items()
    }


def _box(annotation: dict[str, Any]) -> Float64:
    """Its box_xyxy (4,)."""
    bbox = np.array(annotation["bbox"], np.float64)
    if bbox.shape != (4,) or not np.isfinite(bbox).all():
        raise ValueError(f"annotation {annotation['id']} needs 4 finite numbers as bbox")
    return from_xywh(bbox)


def _record(annotation: dict[str, Any], image_path: Path, frame: tuple[int, int] | None, keypoints: int) -> Record:
    values = np.array(annotation["keypoints"], np.float64)
    if values.shape != (3 * keypoints,) or not np.isfinite(values).all():
        raise ValueError(f"annotation {annotation['id']} needs {3 * keypoints} finite numbers as keypoints")
    values = values.reshape(keypoints, 3)
    return Record(
        id=annotation["id"],
        image_id=annotation["image_id"],
        image_path=image_path,
        xy_image=values[:, :2],
        labelled=values[:, 2] > 0,
        visible=values[:, 2] > 1,
        box_xyxy=_box(annotation),
        head_size=annotation.get("head_size"),
        frame=frame,
        area=float(annotation.get("area", np.prod(annotation["bbox"][2:]))),
    )
