"""Follower: a video's frames to its people, each with an id and calm keypoints."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from unipose.image import RGB
from unipose.pose import Pose
from unipose.predictor import Predictor, person_box
from unipose.smooth import OneEuro, Smoother
from unipose.track import Tracker, around

Boxes = NDArray[np.float64]


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
        """Without `smoothing` each frame's keypoints stand by themselves. ValueError where `detect_every` < 1."""
        if detect_every < 1:
            raise ValueError(f"people are detected in every n-th frame, n from 1 up, got {detect_every}")
        self._predictor, self._tracker, self._smoothing = predictor, tracker, smoothing
        self._every, self._people = detect_every, max_people
        self._smoothers: dict[int, Smoother] = {}
        self._detected = -np.inf  # when people were detected last, and how many frames ago
        self._since = detect_every

    def __call__(self, images: Sequence[RGB], times: Sequence[float]) -> list[list[Pose]]:
        """The next frames and their times in seconds, growing -> each frame's people, in the order of their ids.

        Where a detection is due, it is made in the first of these frames. The others are looked at together: the more,
        the better the batches, but the longer ago their people were seen last.
        """
        found: list[list[Pose]] = []
        if self._since >= self._every or not self._expected(times[0]):
            self._since, self._detected = 0, times[0]
            found += self._follow(self._predictor.predict(images[:1], None, self._people), times[:1])
        rest = slice(len(found), None)
        boxes = [
            np.array([person_box(pose, image) for pose in self._expected(time)])
            for image, time in zip(images[rest], times[rest], strict=True)
        ]
        self._since += len(images)
        return found + self._follow(self._predict(images[rest], boxes), times[rest])

    def _expected(self, time: float) -> list[Pose]:
        """The people seen since the last detection, where they should be now."""
        return [track.expected(time) for track in self._tracker.tracks if track.time >= self._detected]

    def _predict(self, images: Sequence[RGB], boxes: Sequence[Boxes]) -> list[list[Pose]]:
        """In as many parts as the runtime takes at once, so that one part's images are prepared while another runs."""
        parts = [part for part in np.array_split(np.arange(len(images)), self._predictor.runtime.copies) if len(part)]

        def predict(part: NDArray[np.int64]) -> list[list[Pose]]:
            return self._predictor.predict([images[i] for i in part], [boxes[i] for i in part])

        with ThreadPoolExecutor(max(1, len(parts))) as pool:
            return [poses for found in pool.map(predict, parts) for poses in found]

    def _follow(self, found: Sequence[Sequence[Pose]], times: Sequence[float]) -> list[list[Pose]]:
        return [self._smooth(self._tracker.update(poses, time), time) for poses, time in zip(found, times, strict=True)]

    def _smooth(self, people: list[Pose], time: float) -> list[Pose]:
        if self._smoothing is None:
            return people
        known = {track.id: self._smoothers.get(track.id) or Smoother(self._smoothing) for track in self._tracker.tracks}
        self._smoothers = known
        calm = []
        for pose in people:
            assert pose.track_id is not None
            box = around(pose)
            xy, score = np.asarray(pose.xy_image, np.float64), np.asarray(pose.score, np.float64)
            xy = known[pose.track_id](xy, score, float(np.max(box[2:] - box[:2])), time)
            calm.append(replace(pose, xy_image=xy))
        return calm
