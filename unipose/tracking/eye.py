"""Eye: a video's frames to poses with ids, where people are expected or, if wanted, wherever they are detected."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol

import numpy as np

from unipose.core.pose import Pose
from unipose.core.types import RGB, Boxes, Int64
from unipose.inference.predictor import Predictor, person_boxes
from unipose.inference.recurrent import Memory, Stream
from unipose.tracking.tracker import Track, Tracker


class Eye(Protocol):
    """Stateful: one for each video, its frames in order; `times` in seconds -> each frame's people, with ids."""

    def detect(self, image: RGB, time: float) -> list[Pose]:
        """Wherever the detector finds people."""
        ...

    def follow(self, images: Sequence[RGB], times: Sequence[float]) -> list[list[Pose]]:
        """Where the people followed are expected."""
        ...


class Glance:
    """By a model of single frames: several frames' people share its batches. The more frames at once, the better the
    batches, but the longer ago the people were seen last.
    """

    def __init__(self, predictor: Predictor, tracker: Tracker, max_people: int | None):
        self._predictor, self._tracker, self._people = predictor, tracker, max_people
        self._pool = ThreadPoolExecutor(predictor.runtime.copies)

    def detect(self, image: RGB, time: float) -> list[Pose]:
        [poses] = self._predictor.predict([image], None, self._people)
        return self._tracker.update(poses, time)

    def follow(self, images: Sequence[RGB], times: Sequence[float]) -> list[list[Pose]]:
        """In as many parts as the runtime takes at once, so that one part's images are prepared while another runs."""
        boxes = [expected(self._tracker.followed, image, time) for image, time in zip(images, times, strict=True)]
        parts = [part for part in np.array_split(np.arange(len(images)), self._predictor.runtime.copies) if len(part)]

        def predict(part: Int64) -> list[list[Pose]]:
            return self._predictor.predict([images[i] for i in part], [boxes[i] for i in part])

        found = [poses for part in self._pool.map(predict, parts) for poses in part]
        return [self._tracker.update(poses, time, everywhere=False) for poses, time in zip(found, times, strict=True)]


class Recall:
    """By a model with memory: frame after frame, each person with what the model keeps of them."""

    def __init__(self, predictor: Predictor, tracker: Tracker, max_people: int | None):
        self._predictor, self._tracker, self._people = predictor, tracker, max_people
        self._stream = Stream(predictor)
        self._memories: dict[int, Memory] = {}

    def detect(self, image: RGB, time: float) -> list[Pose]:
        """Found without memory, then looked at again by those who are known with theirs."""
        [poses] = self._predictor.predict([image], None, self._people)
        self._tracker.update(poses, time)
        tracks = self._tracker.followed
        poses, memories = self._look(image, tracks, time)
        self._memories |= {track.id: memory for track, memory in zip(tracks, memories, strict=True)}
        return [replace(pose, track_id=track.id) for pose, track in zip(poses, tracks, strict=True)]

    def follow(self, images: Sequence[RGB], times: Sequence[float]) -> list[list[Pose]]:
        return [self._next(image, time) for image, time in zip(images, times, strict=True)]

    def _next(self, image: RGB, time: float) -> list[Pose]:
        poses, memories = self._look(image, self._tracker.followed, time)
        people = self._tracker.update(poses, time, everywhere=False)
        left = {id(pose): memory for pose, memory in zip(poses, memories, strict=True)}
        known = {track.id: self._memories.get(track.id) for track in self._tracker.tracks}
        seen = {track.id: left[id(track.pose)] for track in self._tracker.tracks if track.time == time}
        self._memories = {key: memory for key, memory in {**known, **seen}.items() if memory}
        return people

    def _look(self, image: RGB, tracks: Sequence[Track], time: float) -> tuple[list[Pose], list[Memory]]:
        memories = [self._memories.get(track.id) for track in tracks]
        return self._stream.predict([image] * len(tracks), expected(tracks, image, time), memories)


def expected(tracks: Sequence[Track], image: RGB, time: float) -> Boxes:
    """Where these people should be now: box_xyxy (N, 4), padded, within the image."""
    return person_boxes([track.expected(time) for track in tracks], image)
