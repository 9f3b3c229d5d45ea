"""Records: the people in a COCO-keypoint JSON file, the only dataset format."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from unipose.core.box_maps import MAPS
from unipose.core.person_box import POINTS, to_points, with_box
from unipose.core.sides import keypoint_keys
from unipose.core.skeleton import SKELETONS, Skeleton
from unipose.core.types import Bool, Boxes, Float64, Json
from unipose.datasets.coco_json import PEOPLE
from unipose.datasets.label_file import LabelFile, read_labels
from unipose.datasets.label_lists import whole
from unipose.datasets.labels import Labels, image_wh

log = logging.getLogger(__name__)


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
    crowd: bool = False
    """Whether this is not a person, but a box of people who are not annotated one by one."""


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
    `others` are no records: crowds, and people without a labelled keypoint. A set of boxes alone has nothing else, and
    the keypoints of `box_maps`. `category_id`: the people's in the file; sizes_wh: of the images, as the file says.
    """

    path: Path
    skeleton: Skeleton
    records: tuple[Record, ...]
    images: dict[int, Path]
    boxes: dict[int, Annotated] = field(default_factory=dict)
    complete: bool = True
    others: tuple[Record, ...] = ()
    category_id: int = 1
    sizes_wh: dict[int, tuple[int, int]] = field(default_factory=dict)

    def require_keypoints(self) -> None:
        """Raises ValueError for a set that no pose network can learn from, or be judged on."""
        if not self.records:
            crowds = sum(other.crowd and bool(other.labelled.any()) for other in self.others)
            why = f"; its {crowds} people with keypoints are crowds (iscrowd 1), which are left out" if crowds else ""
            raise ValueError(f"{self.path} has no labelled keypoint, and nobody whom a pose network could find{why}")

    def require_images(self) -> None:
        """Raises FileNotFoundError where an image is missing; `read_records` looks for those of people alone."""
        for path in self.images.values():
            if not path.is_file():
                raise FileNotFoundError(f"{self.path} names the image {path}, which does not exist")

    @property
    def files(self) -> list[Path]:
        """What it is read from."""
        return [self.path, *self.images.values()]

    def onto(self, skeleton: Skeleton) -> "RecordSet":
        """The same people with another skeleton's keypoints, matched by name; those that the set lacks are unlabelled.

        Raises ValueError where the two share no keypoint.
        """
        places = np.array(self.skeleton.find(skeleton.keypoints))
        known = places >= 0
        if not known.any():
            own = ", ".join(self.skeleton.keypoints)
            raise ValueError(f"{self.path} has no keypoint of {skeleton.name}: it has {own}")
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

    def with_box(self) -> "RecordSet":
        """The same people with the five points of their boxes as further keypoints."""
        boxed, five = self.onto(with_box(self.skeleton)), np.ones(len(POINTS), bool)
        records = tuple(
            replace(
                record,
                xy_image=np.vstack([record.xy_image[: -len(five)], to_points(record.box_xyxy)]),
                labelled=np.append(record.labelled[: -len(five)], five),
                visible=np.append(record.visible[: -len(five)], five),
            )
            for record in boxed.records
        )
        return replace(boxed, records=records)


def read_records(path: str | Path) -> RecordSet:
    """The people with at least one labelled keypoint, and the boxes of all, of a file as `read_labels` reads it."""
    return records_of(read_labels(path))


def records_of(file: LabelFile) -> RecordSet:
    """`info.people` is "some" where people may lack an annotation (default: "all"). The skeleton is the one that the
    category's `unipose_skeleton` names or contains, or else the known one with its keypoints, however they are spelt.

    Raises ValueError, which names the file, for keypoints of no known skeleton.
    """
    try:
        skeleton = _skeleton(file.labels.category)
        people = _people(file, skeleton)
        people_said = file.info.get("people", PEOPLE[True])
        if people_said not in PEOPLE.values():
            raise ValueError(f"info.people says whether {' or '.join(PEOPLE.values())} are listed, got {people_said!r}")
    except ValueError as error:
        raise ValueError(f"{file.path}: {error}") from error
    labels, place = file.labels, {number: i for i, number in enumerate(file.images)}
    order = sorted(range(len(people)), key=lambda i: place[people[i].image_id])
    counted = [person["num_keypoints"] > 0 and not person["iscrowd"] for person in labels.people]
    crowds = sum(bool(person["num_keypoints"] and person["iscrowd"]) for person in labels.people)
    if any(counted) and crowds:
        log.warning("%s: %d people with keypoints are crowds (iscrowd 1), and are left out", file.path, crowds)
    boxes = _boxes(labels, order)
    if empty := len(people) - sum(map(len, boxes.values())):
        log.warning("%s: %d people without keypoints have boxes without area, and are left out", file.path, empty)
    return RecordSet(
        path=file.path,
        skeleton=skeleton,
        records=tuple(people[i] for i in order if counted[i]),
        images=file.images,
        boxes=boxes,
        complete=people_said == PEOPLE[True],
        others=tuple(people[i] for i in order if not counted[i]),
        category_id=labels.category["id"],
        sizes_wh={image["id"]: image_wh(image) for image in file.content["images"]},
    )


def _people(file: LabelFile, skeleton: Skeleton) -> list[Record]:
    """Everybody, in the order of the file."""
    labels, frames = file.labels, {image["id"]: _frame(image) for image in file.content["images"]}
    shape = (len(labels.people), len(skeleton.keypoints), 3)
    keypoints = labels.keypoints if labels.keypoints.size else np.zeros(shape)
    xy_image, v = keypoints[..., :2], keypoints[..., 2]
    return [
        Record(
            id=person["id"],
            image_id=person["image_id"],
            image_path=file.images[person["image_id"]],
            xy_image=xy,
            labelled=labelled,
            visible=visible,
            box_xyxy=box_xyxy,
            head_size=person.get("head_size"),
            frame=frames[person["image_id"]],
            area=float(person["area"]),
            crowd=bool(person["iscrowd"]),
        )
        for person, xy, labelled, visible, box_xyxy in zip(
            labels.people, xy_image, v > 0, v > 1, labels.boxes_xyxy, strict=True
        )
    ]


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


def _skeleton(category: Json) -> Skeleton:
    keypoints = tuple(category.get("keypoints", ()))
    if not keypoints:
        return MAPS
    own = category.get("unipose_skeleton")
    if isinstance(own, dict):
        try:
            candidates = [Skeleton.from_dict(own)]
        except (KeyError, TypeError) as error:
            raise ValueError(f"category {category['name']}: unipose_skeleton is not a skeleton: {error!r}") from error
    else:
        candidates = [SKELETONS[own]] if isinstance(own, str) and own in SKELETONS else list(SKELETONS.values())
    for skeleton in candidates:
        if keypoint_keys(skeleton.keypoints) == keypoint_keys(keypoints):
            return skeleton
    raise ValueError(
        f"no skeleton has the keypoints {', '.join(keypoints)}; known are {', '.join(SKELETONS)}; "
        f"data/prepare_coco.py --skeleton FILE.yaml takes any other"
    )


def _frame(image: Json) -> tuple[int, int] | None:
    """(video_id, frame_id) of an image that has both."""
    keys = ("video_id", "frame_id")
    if any(image.get(key) is None for key in keys):
        return None
    video, frame = (whole(image[key], f"image {image['id']}: {key}") for key in keys)
    return video, frame


def _boxes(labels: Labels, order: Sequence[int]) -> dict[int, Annotated]:
    """Of every image with annotations. Boxes without area, which no one can be found in, are left out."""
    solid = set(np.flatnonzero((labels.boxes_xyxy[:, 2:] > labels.boxes_xyxy[:, :2]).all(axis=1)).tolist())
    crowd = np.array([person["iscrowd"] for person in labels.people], bool)
    by_image: dict[int, list[int]] = {}
    for i in order:
        if i in solid:
            by_image.setdefault(labels.people[i]["image_id"], []).append(i)
    return {image_id: Annotated(labels.boxes_xyxy[i], crowd[i]) for image_id, i in by_image.items()}
