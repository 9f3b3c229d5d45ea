"""Follower: a video's frames to its people, each with an id and calm keypoints."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from unipose.core.pose import Pose
from unipose.core.types import RGB
from unipose.inference.predictor import Predictor
from unipose.tracking.eye import Eye, Glance, Recall
from unipose.tracking.one_euro import OneEuro, Smoother
from unipose.tracking.tracker import Tracker, around


class Follower:
    """Detects people now and then, looks for them where they are expected in between, gives them ids and smooths their
    keypoints. Who is not seen when the next detection comes is not looked for until a later one.

    Stateful: one for each video, its frames in order.
    """

    def __init__(
        self,
        predictor: Predictor,
        tracker: Tracker,
        smoothing: OneEuro | None,
        detect_every: int = 8,
        max_people: int | None = None,
    ):
        """Without `smoothing` each frame's keypoints stand by themselves. Raises ValueError for `detect_every` below 1,
        and for a flip test by a model with memory.
        """
        if detect_every < 1:
            raise ValueError(f"people are detected in every n-th frame, n from 1 up, got {detect_every}")
        kind = Recall if predictor.spec.state_channels else Glance
        self._eye: Eye = kind(predictor, tracker, max_people)
        self._tracker, self._smoothing, self._every = tracker, smoothing, detect_every
        self._smoothers: dict[int, Smoother] = {}
        self._since = detect_every  # frames since the last detection

    def __call__(self, images: Sequence[RGB], times: Sequence[float]) -> list[list[Pose]]:
        """The next frames and their times in seconds, growing -> each frame's people, in the order of their ids.

        Where a detection is due, or nobody is followed, it is made in the first of these frames.
        """
        found: list[list[Pose]] = []
        if self._since >= self._every or not self._tracker.followed:
            self._since = 0
            found.append(self._eye.detect(images[0], times[0]))
        self._since += len(images)
        found += self._eye.follow(images[len(found) :], times[len(found) :])
        return [self._smooth(people, time) for people, time in zip(found, times, strict=True)]

    def _smooth(self, people: list[Pose], time: float) -> list[Pose]:
        if self._smoothing is None:
            return people
        known = {track.id for track in self._tracker.tracks}
        self._smoothers = {key: smoother for key, smoother in self._smoothers.items() if key in known}
        calm = []
        for pose in people:
            assert pose.track_id is not None
            smoother = self._smoothers.setdefault(pose.track_id, Smoother(self._smoothing))
            box = around(pose)
            xy, score = np.asarray(pose.xy_image, np.float64), np.asarray(pose.score, np.float64)
            calm.append(replace(pose, xy_image=smoother(xy, score, float(np.max(box[2:] - box[:2])), time)))
        return calm
