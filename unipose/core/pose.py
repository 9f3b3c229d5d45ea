"""Pose: one person's keypoints in image pixels, and their JSON formats."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from unipose.core.boxes import enclosing_box, to_xywh
from unipose.core.skeleton import SKELETONS, Skeleton
from unipose.core.types import Bool, Float, Float64, Json

BEST = 12  # of the keypoints: a person who is partly hidden is a person
CONFIDENT = 0.2  # the lowest score with which a keypoint helps to locate a person


def best_mean(score: Float) -> float:
    """The mean of the `BEST` highest of a person's keypoint scores (K,)."""
    return float(np.sort(score)[-BEST:].mean())


@dataclass(frozen=True, eq=False)
class Pose:
    """xy_image (K, 2) at pixel centres, score (K,) in 0..1, box_xyxy (4,) at pixel edges: the box it was estimated in.

    Raises ValueError where the shapes do not match.
    """

    xy_image: Float
    score: Float
    box_xyxy: Float
    track_id: int | None = None
    detection: float | None = None
    """The detector's score, where one found the person."""
    probability: float | None = None
    """That the pose is right, where the model knows it from the scores of detection and keypoints."""

    def __post_init__(self) -> None:
        keypoints = len(self.score)
        if self.xy_image.shape != (keypoints, 2) or self.score.shape != (keypoints,) or self.box_xyxy.shape != (4,):
            raise ValueError(
                f"a pose needs xy_image (K, 2), score (K,) and box_xyxy (4,), got "
                f"{self.xy_image.shape}, {self.score.shape}, {self.box_xyxy.shape}"
            )

    @cached_property
    def person_score(self) -> float:
        """`probability`, or where that is not known the keypoints' `best_mean`."""
        return best_mean(self.score) if self.probability is None else float(self.probability)

    @cached_property
    def confident(self) -> Bool:
        """Which keypoints score at least `CONFIDENT` -> (K,)."""
        confident: Bool = self.score >= CONFIDENT
        return confident

    @cached_property
    def keypoint_box(self) -> Float64 | None:
        """The box_xyxy (4,) around the confident keypoints' pixels; None where there are fewer than two of them."""
        xy = np.asarray(self.xy_image[self.confident], np.float64)
        return enclosing_box(xy) if len(xy) >= 2 else None

    @cached_property
    def body_box(self) -> Float64:
        """`keypoint_box`, or `box_xyxy` where there is none."""
        return np.asarray(self.box_xyxy if self.keypoint_box is None else self.keypoint_box, np.float64)

    @property
    def body_size(self) -> float:
        """The longer side of `body_box`, in pixels."""
        return float(np.max(self.body_box[2:] - self.body_box[:2]))

    def select(self, keypoints: Sequence[int]) -> "Pose":
        """The same pose with these of its keypoints, by index."""
        chosen = list(keypoints)
        return replace(self, xy_image=self.xy_image[chosen], score=self.score[chosen])

    def moved(self, by_xy: Float) -> "Pose":
        """The same pose shifted by (2,) pixels."""
        box_xyxy = self.box_xyxy + np.concatenate([by_xy, by_xy])
        return replace(self, xy_image=self.xy_image + by_xy, box_xyxy=box_xyxy)

    def to_native(self, skeleton: Skeleton) -> Json:
        """UniPose's own format: named keypoints, always all K of them."""
        pose: Json = {
            "box": _rounded(self.box_xyxy),
            "score": round(self.person_score, 4),
            "keypoints": [
                {"name": name, "x": round(float(x), 2), "y": round(float(y), 2), "score": round(float(score), 4)}
                for name, (x, y), score in zip(skeleton.keypoints, self.xy_image, self.score, strict=True)
            ],
        }
        return pose | self._track()

    def to_coco(self, image_id: int, category_id: int = 1) -> Json:
        """One entry of a COCO keypoint result file; keypoints are [x, y, score] * K."""
        flat = np.column_stack([self.xy_image, self.score]).ravel()
        entry: Json = {
            "image_id": int(image_id),
            "category_id": int(category_id),
            "keypoints": [round(float(value), 4) for value in flat],
            "score": self.person_score,
            "bbox": _rounded(to_xywh(_rounded(self.box_xyxy))),
        }
        return entry | self._track()

    def _track(self) -> Json:
        return {} if self.track_id is None else {"track_id": int(self.track_id)}

    def to_openpose(self, skeleton: Skeleton) -> Json:
        """One entry of OpenPose's `people`: x, y, score in BODY_18 order, zeros for joints the skeleton does not have.

        The neck, where the skeleton has none, is midway between the shoulders. Raises ValueError without either.
        """
        rows = {
            name: (*map(float, xy), float(s))
            for name, xy, s in zip(skeleton.keypoints, self.xy_image, self.score, strict=True)
        }
        if "neck" not in rows:
            if not {"left_shoulder", "right_shoulder"} <= rows.keys():
                raise ValueError(f"skeleton {skeleton.name} has neither a neck nor two shoulders: no OpenPose form")
            left, right = rows["left_shoulder"], rows["right_shoulder"]
            rows["neck"] = ((left[0] + right[0]) / 2, (left[1] + right[1]) / 2, min(left[2], right[2]))
        flat = [round(value, 4) for name in OPENPOSE_18 for value in rows.get(name, (0.0, 0.0, 0.0))]
        return {"person_id": [self._track().get("track_id", -1)], "pose_keypoints_2d": flat}


_LIMB_ORDER = tuple(f"{side}_{joint}" for side in ("right", "left") for joint in ("shoulder", "elbow", "wrist"))
_LEG_ORDER = tuple(f"{side}_{joint}" for side in ("right", "left") for joint in ("hip", "knee", "ankle"))
OPENPOSE_18 = ("nose", "neck", *_LIMB_ORDER, *_LEG_ORDER, "right_eye", "left_eye", "right_ear", "left_ear")
assert set(OPENPOSE_18) == {*SKELETONS["coco17"].keypoints, "neck"}


def _rounded(box_xyxy: Float) -> list[float]:
    return [round(float(edge), 2) for edge in box_xyxy]
