"""PoseTracker: a video's frames to its people, each with an id and smooth keypoints."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np

from unipose.core.image_input import Image, to_rgbs
from unipose.core.picture import Picture
from unipose.core.pose import Pose
from unipose.core.ranges import within
from unipose.core.types import RGB, Boxes, Int64
from unipose.inference.crop_box import crop_boxes
from unipose.inference.predictor import Predictor
from unipose.inference.recurrent import RecurrentPredictor, RecurrentState
from unipose.tracking.one_euro import DEFAULT_SMOOTHING, OneEuro
from unipose.tracking.tracker import Track, Tracker

MIN_SCORE = 0.2  # of a person, where the model has no threshold of its own


class PoseTracker:
    """Detects people in every `detect_every`-th frame, and in between looks for each where they are expected.

    >>> tracker = unipose.PoseTracker(unipose.load())
    >>> frames = [unipose.read_image("photo.jpg")] * 3
    >>> [[pose.track_id for pose in tracker.update(frame, i / 25)] for i, frame in enumerate(frames)]
    [[1], [1], [1]]

    A person who is lost between two detections, or scores so much less that they may be gone, brings the next detection
    on. Stateful: one tracker for each video, whose frames come in order.
    """

    def __init__(
        self,
        predictor: Predictor,
        *,
        smoothing: OneEuro | None = DEFAULT_SMOOTHING,
        detect_every: int = 8,
        max_people: int | None = None,
        min_score: float | None = None,
        memory: float = 1.0,
    ):
        """`smoothing`: the filter of each person's keypoints; None leaves every frame's keypoints as they were found.

        `max_people`: of a detection, the best; `min_score`: the lowest score of a person, by default the
        predictor's, its model's or MIN_SCORE; `memory`: seconds out of sight after which an id is forgotten. Raises
        ValueError for values that cannot be, and for a recurrent model with flip test.
        """
        within("detect_every", detect_every, 1, whole=True)
        within("max_people", max_people, 1, whole=True)
        within("min_score, of a person,", min_score, 0, 1)
        within("memory", memory, 0)
        if min_score is None:
            rule = predictor.spec.person_score
            own = rule.threshold if rule else MIN_SCORE
            min_score = own if predictor.min_score is None else predictor.min_score
        self._tracker = Tracker(predictor.spec.skeleton, memory, min_score, smoothing)
        kind = RecurrentEstimator if predictor.spec.state_channels else FrameEstimator
        self._estimator: PoseEstimator = kind(predictor, self._tracker, max_people, min_score)
        self._every = detect_every
        self._since = detect_every  # frames since the last detection
        self._time = -np.inf  # of the last frame

    def __call__(self, images: Sequence[Image], times: Sequence[float]) -> list[list[Pose]]:
        """The next frames and their times in seconds, growing -> the people of each frame, in the order of their ids.

        Where a detection is due, nobody is there or somebody may be gone, it takes place in the first of these frames.
        Raises ValueError for what is no image, and for times that do not grow.
        """
        images = to_rgbs(images)
        if len(times) != len(images) or not (np.diff([self._time, *times]) > 0).all():
            raise ValueError(f"each frame has a time, later than the last one's, {self._time:g} s; got {list(times)}")
        if not images:
            return []
        self._time = times[-1]
        people: list[list[Pose]] = []
        if self._since >= self._every or not self._tracker.active or self._tracker.doubtful:
            self._since = 0
            people.append(self._estimator.detect(images[0], times[0]))
        self._since += len(images)
        return people + self._estimator.track(images[len(people) :], times[len(people) :])

    def update(self, image: Image, time: float) -> list[Pose]:
        """The next frame and its time in seconds -> its people."""
        return self([image], [time])[0]


class PoseEstimator(Protocol):
    """Stateful: one for each video, whose frames come in order; `times` in seconds -> each frame's people, with ids."""

    def detect(self, image: RGB, time: float) -> list[Pose]:
        """People wherever the detector finds them."""
        ...

    def track(self, images: Sequence[RGB], times: Sequence[float]) -> list[list[Pose]]:
        """The active tracks' people, where they are expected."""
        ...


class FrameEstimator:
    """For models of single frames: the people of several frames share batches.

    The more frames at once, the fuller the batches, but the older the poses from which people's places are expected.
    """

    def __init__(self, predictor: Predictor, tracker: Tracker, max_people: int | None, min_score: float):
        self._predictor, self._tracker, self._max_people, self._min_score = predictor, tracker, max_people, min_score
        self._threads = ThreadPoolExecutor(predictor.runtime.copies)

    def detect(self, image: RGB, time: float) -> list[Pose]:
        [poses] = self._predictor.predict([image], None, self._max_people, self._min_score)
        return self._tracker.update(poses, time)

    def track(self, images: Sequence[RGB], times: Sequence[float]) -> list[list[Pose]]:
        """In as many parts as the runtime has copies, so that one part is prepared while another runs."""
        boxes = [expected_boxes(self._tracker.active, image, time) for image, time in zip(images, times, strict=True)]
        parts = [part for part in np.array_split(np.arange(len(images)), self._predictor.runtime.copies) if len(part)]

        def predict(part: Int64) -> list[list[Pose]]:
            return self._predictor.finish([self._predictor.flow(Picture(images[i]), boxes[i]) for i in part])

        found = [poses for part in self._threads.map(predict, parts) for poses in part]
        return [self._tracker.update(poses, time, detected=False) for poses, time in zip(found, times, strict=True)]


class RecurrentEstimator:
    """For recurrent models: frame after frame, each person with the state in their track."""

    def __init__(self, predictor: Predictor, tracker: Tracker, max_people: int | None, min_score: float):
        self._predictor, self._tracker, self._max_people, self._min_score = predictor, tracker, max_people, min_score
        self._recurrent = RecurrentPredictor(predictor)

    def detect(self, image: RGB, time: float) -> list[Pose]:
        """People are detected without state, then estimated again with the states of those who are known."""
        [poses] = self._predictor.predict([image], None, self._max_people, self._min_score)
        tracks = self._tracker.match(poses, time)
        poses, states = self._estimate(image, tracks, time)
        for track, state in zip(tracks, states, strict=True):
            track.state = state
        return [track.report(pose) for track, pose in zip(tracks, poses, strict=True)]

    def track(self, images: Sequence[RGB], times: Sequence[float]) -> list[list[Pose]]:
        return [self._next(image, time) for image, time in zip(images, times, strict=True)]

    def _next(self, image: RGB, time: float) -> list[Pose]:
        poses, states = self._estimate(image, self._tracker.active, time)
        tracks = self._tracker.match(poses, time, detected=False, states=states)
        return [track.report(track.pose) for track in tracks]

    def _estimate(self, image: RGB, tracks: Sequence[Track], time: float) -> tuple[list[Pose], list[RecurrentState]]:
        boxes = expected_boxes(tracks, image, time)
        return self._recurrent.predict([image] * len(tracks), boxes, [track.state for track in tracks])


def expected_boxes(tracks: Sequence[Track], image: RGB, time: float) -> Boxes:
    """Where to look for these people at a time: box_xyxy (N, 4), within the image."""
    return crop_boxes([track.expected(time) for track in tracks], (image.shape[1], image.shape[0]))
