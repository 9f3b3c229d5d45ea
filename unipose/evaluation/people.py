"""People: how many of a set's people get a right pose, and at how many answers for each, where nobody gives boxes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unipose.core.metrics import oks
from unipose.core.pose import Pose
from unipose.core.types import Bool, Float64, Json
from unipose.datasets.records import Record, RecordSet

RIGHT_OKS = 0.5  # above which a pose is right
MIN_PIXELS = 32 * 32  # of a person's `area`, to be counted
MIN_LABELLED = 4  # of BODY, to be counted
BODY = tuple(
    f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right")
)
"""The keypoints that all usual skeletons share; others do not count here."""


@dataclass(frozen=True, eq=False)
class Matches:
    """Of the poses of all images, in order: score (N,), right (N,) whether one is a person's, covers (N,) a counted
    person's; `people`: how many people count, large enough and with enough labelled keypoints.
    """

    score: Float64
    right: Bool
    covers: Bool
    people: int

    def at(self, threshold: float) -> Json:
        """The share of people who are covered by poses that score at least `threshold`, and the answers for each."""
        shown = self.score >= threshold
        covered = int(self.covers[shown].sum())
        return {
            "threshold": threshold,
            "people": self.people,
            "covered": 100 * covered / max(self.people, 1),
            "answers": float(shown.sum()) / max(covered, 1),
        }

    def f1(self, threshold: float) -> float:
        """The harmonic mean of precision and recall of poses that score at least `threshold`."""
        shown = self.score >= threshold
        return 2 * int(self.right[shown].sum()) / max(1, int(shown.sum()) + int(self.right.sum()) + self.missed)

    @property
    def missed(self) -> int:
        """Counted people whom no pose covers, whatever its score."""
        return self.people - int(self.covers.sum())


def match(poses: Sequence[Sequence[Pose]], image_ids: Sequence[int], record_set: RecordSet) -> Matches:
    """Give each pose, the best score first, the person whom it fits best and whom no better one took.

    `poses` of each image, with the set's keypoints; the OKS is that of `BODY`. A pose of somebody whom the set does not
    label counts as wrong. Raises ValueError for a set without the keypoints of BODY.
    """
    skeleton = record_set.skeleton
    if missing := set(BODY) - set(skeleton.keypoints):
        raise ValueError(f"{record_set.path}: people are matched by {', '.join(BODY)}; it lacks {', '.join(missing)}")
    judged = np.isin(skeleton.keypoints, BODY)
    by_image: dict[int, list[Record]] = {}
    for record in record_set.records:
        by_image.setdefault(record.image_id, []).append(record)
    counted = {
        record.id: record.area > MIN_PIXELS and (record.labelled & judged).sum() >= MIN_LABELLED
        for record in record_set.records
    }
    score: list[float] = []
    right: list[bool] = []
    covers: list[bool] = []
    for found, image_id in zip(poses, image_ids, strict=True):
        free = list(by_image.get(image_id, ()))
        for pose in sorted(found, key=lambda pose: -pose.person_score):
            xy = np.asarray(pose.xy_image, np.float64)[None]
            fits = [
                oks(xy, r.xy_image[None], (r.labelled & judged)[None], np.array([r.area]), skeleton)[0] for r in free
            ]
            best = int(np.nanargmax(fits)) if fits and not np.isnan(fits).all() else -1
            person = free.pop(best) if best >= 0 and fits[best] > RIGHT_OKS else None
            score.append(pose.person_score)
            right.append(person is not None)
            covers.append(person is not None and bool(counted[person.id]))
    return Matches(np.array(score), np.array(right, bool), np.array(covers, bool), sum(map(bool, counted.values())))
