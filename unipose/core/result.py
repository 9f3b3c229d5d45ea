"""Result: the people of one photo, as arrays, and as the pictures, files and tables that are made of them."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np

from unipose.core.draw import MIN_SCORE, draw_poses
from unipose.core.extras import naming_extras
from unipose.core.files import refuse_overwrite, write_atomically
from unipose.core.image import encode_image
from unipose.core.image_input import Image
from unipose.core.model_spec import ModelSpec
from unipose.core.picture import Picture
from unipose.core.pose import Pose
from unipose.core.pose_formats import coco_document, native_document
from unipose.core.signature import signed
from unipose.core.types import RGB, Float64, Json

PICTURES = {".jpg": ".jpg", ".jpeg": ".jpg", ".png": ".png"}  # how each suffix of a picture is encoded


@dataclass(frozen=True, eq=False)
class Result(Sequence[Pose]):
    """A photo's people, the best first: a sequence of their poses, of which a slice is a Result too.

    >>> result = unipose.load()("photo.jpg")
    >>> result
    <Result: 1 person in photo.jpg, 384 x 480>
    >>> result.keypoints.shape, result.scores.shape, result.boxes.shape
    ((1, 19, 2), (1, 19), (1, 4))
    >>> result.names[:3]
    ('nose', 'left_eye', 'right_eye')
    >>> [bool(pose.person_score > 0.3) for pose in result]
    [True]
    >>> result.save("drawn.png")

    `image` is the photo's path, bytes or pixels (H, W, 3). Drawing takes them as they are then: a file is read again.
    """

    poses: tuple[Pose, ...]
    spec: ModelSpec
    image_wh: tuple[int, int]
    image: Image = field(repr=False)

    @classmethod
    def of(cls, poses: Sequence[Pose], spec: ModelSpec, image: Image, picture: Picture) -> "Result":
        """The poses found in an image, held as its path, or else as what the picture was made of."""
        held = image if isinstance(image, str | os.PathLike) else picture.held
        return cls(tuple(poses), spec, picture.image_wh, held)

    @property
    def path(self) -> Path | None:
        """The photo's file; None for one that came in another way."""
        return Path(self.image) if isinstance(self.image, str | os.PathLike) else None

    @property
    def names(self) -> tuple[str, ...]:
        """The K keypoints' names."""
        return self.spec.skeleton.keypoints

    @cached_property
    def keypoints(self) -> Float64:
        """(n, K, 2): x and y in pixels of the upright image, whole numbers at pixel centres."""
        return self._stacked([pose.xy_image for pose in self.poses], (len(self.names), 2))

    @cached_property
    def scores(self) -> Float64:
        """(n, K): how likely each keypoint is right, 0 to 1."""
        return self._stacked([pose.score for pose in self.poses], (len(self.names),))

    @cached_property
    def person_scores(self) -> Float64:
        """(n,): how likely each person's pose is right, 0 to 1."""
        return np.array([pose.person_score for pose in self.poses], np.float64)

    @cached_property
    def boxes(self) -> Float64:
        """(n, 4): x1, y1, x2, y2 at pixel edges, the boxes that the poses were found in."""
        return self._stacked([pose.box_xyxy for pose in self.poses], (4,))

    def plot(self, min_score: float = MIN_SCORE) -> RGB:
        """The photo with the poses drawn -> (H, W, 3) uint8 RGB; `min_score`: of the keypoints that are drawn."""
        return draw_poses(self.image, self.poses, self.spec.skeleton, min_score)

    def save(self, path: str | Path, min_score: float = MIN_SCORE) -> None:
        """Write the photo with the poses drawn.

        Raises ValueError for another suffix than .jpg, .jpeg or .png, and for the photo itself.
        """
        path = Path(path)
        if path.suffix.lower() not in PICTURES:
            raise ValueError(f"{path}: a picture is saved as {', '.join(PICTURES)}")
        refuse_overwrite([path], [self.path] if self.path else [], force=True)
        write_atomically(path, self.encode(PICTURES[path.suffix.lower()], min_score), sync=False)

    def encode(self, suffix: str = ".jpg", min_score: float = MIN_SCORE) -> bytes:
        """The bytes of the file that `save` writes; `suffix` is ".jpg" or ".png"."""
        return signed(encode_image(self.plot(min_score), suffix), "overlay")

    def to_dict(self) -> Json:
        """UniPose's own format, as `unipose predict` writes it; `image` is the file's name, where there is one."""
        document = native_document(self.poses, self.image_wh, self.spec)
        return {"image": self.path.name, **document} if self.path else document

    def to_json(self) -> str:
        """`to_dict` as text."""
        return json.dumps(self.to_dict(), indent=1)

    def to_coco(self) -> Json:
        """A COCO keypoint file of this one image, with scores instead of visibility; body19 becomes COCO's 17."""
        return coco_document(self.poses, self.image_wh, self.spec)

    def to_dataframe(self) -> Any:
        """A pandas.DataFrame with a row for each keypoint of each person: person, person_score, keypoint, x, y, score.

        Raises ModuleNotFoundError, which says how to install pandas, where it is missing.
        """
        with naming_extras("Result.to_dataframe"):
            from pandas import DataFrame
        people, joints = len(self), len(self.names)
        return DataFrame(
            {
                "person": np.repeat(np.arange(people), joints),
                "person_score": np.repeat(self.person_scores, joints),
                "keypoint": list(self.names) * people,
                "x": self.keypoints[..., 0].ravel(),
                "y": self.keypoints[..., 1].ravel(),
                "score": self.scores.ravel(),
            }
        )

    def to_supervision(self) -> Any:
        """A supervision.KeyPoints, for that library's annotators; from its version 0.29 on.

        Raises ModuleNotFoundError, which says how to install supervision, where it is missing.
        """
        with naming_extras("Result.to_supervision"):
            from supervision import KeyPoints
        return KeyPoints(
            xy=self.keypoints.astype(np.float32),
            class_id=np.zeros(len(self), int),
            keypoint_confidence=self.scores.astype(np.float32),
            detection_confidence=self.person_scores.astype(np.float32),
        )

    def __len__(self) -> int:
        return len(self.poses)

    @overload
    def __getitem__(self, index: int) -> Pose: ...

    @overload
    def __getitem__(self, index: slice) -> "Result": ...

    def __getitem__(self, index: int | slice) -> "Pose | Result":
        return replace(self, poses=self.poses[index]) if isinstance(index, slice) else self.poses[index]

    def __iter__(self) -> Iterator[Pose]:
        return iter(self.poses)

    def __repr__(self) -> str:
        people = "nobody" if not self else "1 person" if len(self) == 1 else f"{len(self)} people"
        where = f" in {self.path}" if self.path else ""
        return f"<Result: {people}{where}, {self.image_wh[0]} x {self.image_wh[1]}>"

    @staticmethod
    def _stacked(rows: Sequence[Any], shape: tuple[int, ...]) -> Float64:
        """(n, *shape), also of nobody."""
        return np.array(rows, np.float64).reshape(len(rows), *shape)
