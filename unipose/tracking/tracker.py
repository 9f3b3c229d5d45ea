"""Tracker: poses of frame after frame matched to people with ids, by the similarity of poses and boxes."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import lap
import numpy as np

from unipose.core.boxes import iou
from unipose.core.metrics import pose_oks
from unipose.core.pose import Pose
from unipose.core.skeleton import Skeleton
from unipose.core.types import Float64
from unipose.inference.recurrent import RecurrentState
from unipose.tracking.one_euro import OneEuro, Smoother

MIN_SIMILARITY = 0.2  # from which poses of neighbouring frames can be one person
DUPLICATE_SIMILARITY = 0.5  # from which two poses of one frame are one person found twice
NEW_TRACK_FACTOR = 2.0  # a new person's score is at least this many times the threshold; they have a chance again
UNSEEN = 0.2  # a known person's least score between two detections, where it is the keypoints' mean alone
DOUBTFUL = 0.8  # a pose between two detections that scores below so much of the last detected one may be nobody's
REACH = 1.0  # body sizes that a person may have moved, beyond what was expected, in each second out of sight
VELOCITY_GAIN = 0.5  # how much of a newly measured velocity is taken over
EXTRAPOLATION = 0.2  # seconds for which a velocity holds


@dataclass
class Track:
    """A person over time. `pose` is the last one found, at `time` in seconds; `velocity` (2,) in pixels per second.

    `state` is what a recurrent model keeps of them; `smoother` filters their keypoints, if anything does. `detected` is
    the last pose that a detection found.
    """

    id: int
    pose: Pose
    time: float
    velocity: Float64
    smoother: Smoother | None = None
    state: RecurrentState | None = None
    detected: Pose = field(init=False)

    def __post_init__(self) -> None:
        self.detected = self.pose

    @property
    def doubtful(self) -> bool:
        """Whether the keypoints' scores have fallen so much since the last detection that the person may be gone."""
        return float(self.pose.score.mean()) < DOUBTFUL * float(self.detected.score.mean())

    def expected(self, time: float) -> Pose:
        """The last pose, moved on at the last velocity for at most `EXTRAPOLATION`."""
        return self.pose.moved(self.velocity * min(time - self.time, EXTRAPOLATION))

    def update(self, pose: Pose, time: float, state: RecurrentState | None, detected: bool) -> None:
        both = pose.confident & self.pose.confident
        if both.any():
            moved = np.median(pose.xy_image[both] - self.pose.xy_image[both], axis=0) / (time - self.time)
            self.velocity = self.velocity + VELOCITY_GAIN * (moved - self.velocity)
        self.pose, self.time, self.state = pose, time, state or self.state
        if detected:
            self.detected = pose

    def report(self, pose: Pose) -> Pose:
        """A pose of this person at the track's time, with the track's id, smooth keypoints and probability, which is
        that of the last detection.
        """
        xy = pose.xy_image
        if self.smoother:
            score = np.asarray(pose.score, np.float64)
            xy = self.smoother(np.asarray(xy, np.float64), score, pose.body_size, self.time)
        return replace(pose, xy_image=xy, track_id=self.id, probability=self.detected.probability)


class Tracker:
    """Gives each person an id that stays theirs, when people cross and after up to `memory` seconds out of sight.

    A person found twice in a frame counts once. Detected poses whose `person_score` is below `threshold` are dropped,
    and those below `beginning`, as of somebody who is only half in the picture, continue a known person's track alone.
    Between detections no track begins, as the scores are the keypoints' alone, which furniture may have too; and poses
    below UNSEEN, or the threshold where that is less, are dropped. `smoothing` is the filter of each person's
    keypoints. Stateful: one tracker for each video, whose frames come in order.
    """

    def __init__(
        self, skeleton: Skeleton, memory: float = 1.0, threshold: float = 0.2, smoothing: OneEuro | None = None
    ):
        self._skeleton, self._memory, self._threshold, self._smoothing = skeleton, memory, threshold, smoothing
        self.beginning = min(NEW_TRACK_FACTOR * threshold, (1 + threshold) / 2)
        self.tracks: list[Track] = []
        self._detected = self._last = -np.inf  # the times of the last detection and the last frame
        self._next = 1

    @property
    def active(self) -> list[Track]:
        """The tracks found at the last detection or since."""
        return [track for track in self.tracks if track.time >= self._detected]

    @property
    def doubtful(self) -> bool:
        """Whether somebody of the last detection is lost since, or may be."""
        return any(track.time < self._last or track.doubtful for track in self.active)

    def update(self, poses: Sequence[Pose], time: float, detected: bool = True) -> list[Pose]:
        """A frame's poses -> its people, each with `track_id` and smooth keypoints; the arguments are `match`'s."""
        return [track.report(track.pose) for track in self.match(poses, time, detected)]

    def match(
        self,
        poses: Sequence[Pose],
        time: float,
        detected: bool = True,
        states: Sequence[RecurrentState | None] | None = None,
    ) -> list[Track]:
        """A frame's poses, and its time, later than the last frame's -> the tracks found in it.

        `detected`: the poses are from a detection in the whole frame, not only of the `active` tracks. `states`: the
        recurrent model's of each pose. Tracks and poses are assigned by the Hungarian method.
        """
        self._last = time
        if detected:
            self._detected = time
        self.tracks = [track for track in self.tracks if time - track.time <= self._memory]
        distinct = self.without_duplicates(poses, self._threshold if detected else min(UNSEEN, self._threshold))
        own = [states[i] if states else None for i in distinct]
        poses = [poses[i] for i in distinct]
        similarity = self._similarities(self.tracks, poses, time)
        pairs = [(t, p) for t, p in assign(similarity) if similarity[t, p] >= MIN_SIMILARITY]
        for t, p in pairs:
            self.tracks[t].update(poses[p], time, own[p], detected)
        for p in sorted(set(range(len(poses))) - {p for _, p in pairs}):
            if detected and poses[p].person_score >= self.beginning:
                smoother = Smoother(self._smoothing) if self._smoothing else None
                self.tracks.append(Track(self._next, poses[p], time, np.zeros(2), smoother, own[p]))
                self._next += 1
        return [track for track in self.tracks if track.time == time]

    def without_duplicates(self, poses: Sequence[Pose], threshold: float) -> list[int]:
        """The indices of the poses that score at least `threshold` and resemble no better one, the best first."""
        kept: list[int] = []
        for i in sorted(range(len(poses)), key=lambda i: -poses[i].person_score):
            if poses[i].person_score >= threshold and all(
                self._similarity(poses[other], poses[i]) < DUPLICATE_SIMILARITY for other in kept
            ):
                kept.append(i)
        return kept

    def _similarities(self, tracks: Sequence[Track], poses: Sequence[Pose], time: float) -> Float64:
        """(tracks, poses): to the expected or the last pose, whichever is more similar, since apparent motion may be
        jitter; or, after a time out of sight, by place and size alone.
        """
        out = np.zeros((len(tracks), len(poses)))
        for t, track in enumerate(tracks):
            expected, reach = track.expected(time), REACH * (time - track.time)
            for p, pose in enumerate(poses):
                similarity = max(self._similarity(expected, pose), self._similarity(track.pose, pose))
                out[t, p] = max(similarity, 0.5 * proximity(expected, pose, reach))
        return out

    def _similarity(self, a: Pose, b: Pose) -> float:
        """0 to 1: the mean of the OKS over keypoints confident in both, and the IoU of their `body_box`es."""
        overlap = float(iou(a.body_box[None], b.body_box[None])[0, 0])
        return (pose_oks(a, b, self._skeleton) + overlap) / 2


def assign(similarity: Float64) -> list[tuple[int, int]]:
    """(N, M) -> the pairs of row and column of the largest total, min(N, M) of them (Jonker & Volgenant, 1987)."""
    if not similarity.size:
        return []
    _, columns, _ = lap.lapjv(1 - similarity, extend_cost=True)
    return [(row, int(column)) for row, column in enumerate(columns) if column >= 0]


def proximity(a: Pose, b: Pose, reach: float) -> float:
    """1 at the same place and of the same size, falling to 0 where the centres are `reach` body sizes apart."""
    distance = np.linalg.norm(a.body_box[:2] + a.body_box[2:] - b.body_box[:2] - b.body_box[2:])
    sizes = sorted((a.body_size, b.body_size))
    return max(0.0, 1 - float(distance) / sum(sizes) / reach) * sizes[0] / sizes[1] if reach > 0 else 0.0
