"""Tracker: poses of frame after frame to people with ids, by the likeness of poses and boxes (Hungarian method)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import lap
import numpy as np

from unipose.core.boxes import iou
from unipose.core.metrics import oks
from unipose.core.pose import SURE, Pose
from unipose.core.skeleton import Skeleton
from unipose.core.types import Float64

SAME = 0.2  # the likeness from which two poses of neighbouring frames can be one person
DOUBLE = 0.5  # the likeness from which two poses of one frame are one person seen twice
NEWCOMER = 1.5  # times the threshold
REACH = 1.0  # body sizes that a person may have moved, beyond the expected, in each second out of sight
CALM = 0.5  # how much of a new velocity is taken over


@dataclass
class Track:
    """A person over time. `pose` is the last one seen, at `time`; `velocity` in pixels per second."""

    id: int
    pose: Pose
    time: float
    velocity: Float64

    def expected(self, time: float) -> Pose:
        """The last pose, moved on: as fast as it was, for at most a fifth of a second, the longest that holds."""
        ahead = self.velocity * min(time - self.time, 0.2)
        box = self.pose.box_xyxy + np.concatenate([ahead, ahead])
        return replace(self.pose, xy_image=self.pose.xy_image + ahead, box_xyxy=box)

    def see(self, pose: Pose, time: float) -> None:
        sure = (pose.score >= SURE) & (self.pose.score >= SURE)
        if sure.any():
            moved = np.median(pose.xy_image[sure] - self.pose.xy_image[sure], axis=0) / (time - self.time)
            self.velocity = self.velocity + CALM * (moved - self.velocity)
        self.pose, self.time = pose, time


class Tracker:
    """Gives each person an id that stays theirs, through crossings and a `memory` of seconds out of sight.

    A person seen twice in a frame is told once. A pose of a `person_score` below `threshold` is nobody, and one below
    `NEWCOMER` times that is somebody already known, or nobody. Stateful: one for each video, its frames in order.
    """

    def __init__(self, skeleton: Skeleton, memory: float = 1.0, threshold: float = 0.2):
        self._skeleton, self._memory, self._threshold = skeleton, memory, threshold
        self.tracks: list[Track] = []
        self._everywhere = -np.inf
        self._next = 1

    @property
    def followed(self) -> list[Track]:
        """Those seen when people were last looked for everywhere, or since then."""
        return [track for track in self.tracks if track.time >= self._everywhere]

    def update(self, poses: Sequence[Pose], time: float, everywhere: bool = True) -> list[Pose]:
        """A frame's poses and its time, later than the last -> the people, each with `track_id`, in their order.

        `everywhere`: whether the poses are those of all people, not only of those followed.
        """
        if everywhere:
            self._everywhere = time
        self.tracks = [track for track in self.tracks if time - track.time <= self._memory]
        poses = self.singled([pose for pose in poses if pose.person_score >= self._threshold])
        likeness = self._likeness(self.tracks, poses, time)
        pairs = [(t, p) for t, p in pair(likeness) if likeness[t, p] >= SAME]
        for t, p in pairs:
            self.tracks[t].see(poses[p], time)
        for p in sorted(set(range(len(poses))) - {p for _, p in pairs}):
            if poses[p].person_score >= NEWCOMER * self._threshold:
                self.tracks.append(Track(self._next, poses[p], time, np.zeros(2)))
                self._next += 1
        return [replace(track.pose, track_id=track.id) for track in self.tracks if track.time == time]

    def singled(self, poses: Sequence[Pose]) -> list[Pose]:
        """Without those that are too like a better one; of equal ones the first stays."""
        kept: list[Pose] = []
        for pose in sorted(poses, key=lambda pose: -pose.person_score):
            if all(self._alike(other, pose) < DOUBLE for other in kept):
                kept.append(pose)
        return kept

    def _likeness(self, tracks: Sequence[Track], poses: Sequence[Pose], time: float) -> Float64:
        """(tracks, poses): of the expected pose or the last one, whichever is more like it, for what looks like motion
        may be trembling; or, after a time out of sight, of where and how large they are.
        """
        out = np.zeros((len(tracks), len(poses)))
        for t, track in enumerate(tracks):
            expected, reach = track.expected(time), REACH * (time - track.time)
            for p, pose in enumerate(poses):
                alike = max(self._alike(expected, pose), self._alike(track.pose, pose))
                out[t, p] = max(alike, 0.5 * near(expected, pose, reach))
        return out

    def _alike(self, a: Pose, b: Pose) -> float:
        """0 to 1: the mean of the OKS of the keypoints sure in both and the IoU of the boxes around the sure ones."""
        box_a, box_b = around(a), around(b)
        xy_a, xy_b = np.asarray(a.xy_image, np.float64), np.asarray(b.xy_image, np.float64)
        area = np.array([(np.prod(box_a[2:] - box_a[:2]) + np.prod(box_b[2:] - box_b[:2])) / 2])
        sure = (a.score >= SURE) & (b.score >= SURE)
        similarity = oks(xy_a[None], xy_b[None], sure[None], area, self._skeleton)[0] if sure.any() else 0.0
        return float(similarity + iou(box_a[None], box_b[None])[0, 0]) / 2


def pair(likeness: Float64) -> list[tuple[int, int]]:
    """(N, M) -> the rows and columns that together are most alike, min(N, M) of them (Jonker & Volgenant, 1987)."""
    if not likeness.size:
        return []
    _, columns, _ = lap.lapjv(1 - likeness, extend_cost=True)
    return [(row, int(column)) for row, column in enumerate(columns) if column >= 0]


def around(pose: Pose) -> Float64:
    """box_xyxy around the sure keypoints; what the person was found in, where there are too few."""
    extent = pose.extent(SURE)
    return np.asarray(pose.box_xyxy if extent is None else extent, np.float64)


def near(a: Pose, b: Pose, reach: float) -> float:
    """1 at the same place and of the same size, falling to 0 where the centres are `reach` body sizes apart."""
    box_a, box_b = around(a), around(b)
    size_a, size_b = float(np.max(box_a[2:] - box_a[:2])), float(np.max(box_b[2:] - box_b[:2]))
    apart = float(np.linalg.norm(box_a[:2] + box_a[2:] - box_b[:2] - box_b[2:])) / (size_a + size_b)
    alike = min(size_a, size_b) / max(size_a, size_b)
    return max(0.0, 1 - apart / reach) * alike if reach > 0 else 0.0
