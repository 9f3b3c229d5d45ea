from types import SimpleNamespace

import numpy as np
import pytest

from tests.support.ramps import RecurrentRampReader, ramp_image
from tests.tracking.test_tracker import person
from unipose.core.model_spec import PersonScore
from unipose.core.skeleton import SKELETONS
from unipose.inference.crop_box import PADDING
from unipose.inference.predictor import Predictor
from unipose.tracking.one_euro import OneEuro
from unipose.tracking.pose_tracker import PoseTracker

LSP = SKELETONS["lsp14"]


class Stage(Predictor):
    """A predictor that is told who stands where: `people(index) -> [Pose]` of the image whose pixels say the index."""

    def __init__(self, people, copies=2):
        self.people, self.calls = people, []
        self.runtime, self.min_score = SimpleNamespace(copies=copies), None
        self.spec = SimpleNamespace(state_channels=0, skeleton=LSP, person_score=None)

    def flow(self, picture, boxes=None, max_people=None, min_score=None):
        index = int(picture.rgb()[0, 0, 0])
        self.calls.append((index, boxes is None))
        yield from ()
        return self.poses_in(index, boxes)

    def poses_in(self, index, boxes):
        """All people; or, for each box, whoever is in it most, and nobody much where it is empty."""
        people = self.people(index)
        if boxes is None:
            return people
        inside = [[np.mean(((p.xy_image >= b[:2]) & (p.xy_image <= b[2:])).all(1)) for p in people] for b in boxes]
        found = [people[int(np.argmax(row))] if row and max(row) > 0.6 else None for row in inside]
        return [p or person(*(b[:2] + b[2:]) / 2, score=0.05) for p, b in zip(found, boxes, strict=True)]


def run(tracker, frames, batch=4, rate=25.0):
    images = [np.full((400, 600, 3), i, np.uint8) for i in range(frames)]
    told = []
    for start in range(0, frames, batch):
        part = slice(start, min(start + batch, frames))
        told += tracker(images[part], [i / rate for i in range(part.start, part.stop)])
    return [[pose.track_id for pose in people] for people in told]


@pytest.mark.parametrize("batch", [1, 3, 4])
def test_two_walkers_are_followed(batch):
    stage = Stage(lambda i: [person(80 + 5 * i, 150), person(500 - 5 * i, 250)])
    assert run(PoseTracker(stage, smoothing=None), 40, batch) == [[1, 2]] * 40
    assert sorted(index for index, _ in stage.calls) == list(range(40))  # each frame is looked at once
    assert sum(detected for _, detected in stage.calls) == 5


@pytest.mark.parametrize("times", [[0.5], [0.6], [0.4, 0.7], [0.6, 0.6], [np.nan, 1]])
def test_times_that_do_not_grow_are_refused(times):
    """They would be divided by."""
    tracker = PoseTracker(Stage(lambda i: [person(80, 150)]))
    image = np.zeros((400, 600, 3), np.uint8)
    assert tracker([], []) == []
    tracker.update(image, 0.5)
    with pytest.raises(ValueError, match=r"each frame has a time, later than the last one's, 0\.5 s"):
        tracker([image, image], times)


def test_who_comes_is_seen_at_the_next_detection_and_who_goes_is_let_go():
    stage = Stage(lambda i: [person(100, 150)] * (i < 21) + [person(400, 200)] * (i >= 10))
    told = run(PoseTracker(stage, smoothing=None), 40)
    assert told[:16] == [[1]] * 16
    assert told[16:21] == [[1, 2]] * 5
    assert told[21:] == [[2]] * 19


def test_without_anybody_every_batch_begins_with_a_detection():
    stage = Stage(lambda i: [])
    assert run(PoseTracker(stage, smoothing=None), 12) == [[]] * 12
    assert [index for index, detected in stage.calls if detected] == [0, 4, 8]


def test_a_place_that_the_detector_no_longer_finds_is_dropped():
    """A pose is always found in a box: without this, empty places would keep their people."""
    stage = Stage(lambda i: [person(100, 150)] if i < 8 else [])
    stage.poses_in = lambda index, boxes: stage.people(index) if boxes is None else [person(100, 150)] * len(boxes)
    assert run(PoseTracker(stage, smoothing=None), 24)[8:] == [[]] * 16


def test_boxes_are_padded_and_ahead_of_who_moves():
    boxes = []
    stage = Stage(lambda i: [person(100 + 10 * i, 150)])
    poses_in = stage.poses_in
    stage.poses_in = lambda index, given: (boxes.append((index, given)), poses_in(index, given))[1]
    run(PoseTracker(stage, smoothing=None, detect_every=100), 12, batch=1)
    index, [box] = boxes[-1]
    extent = person(100 + 10 * index, 150).body_box
    pad = PADDING * max(extent[2:] - extent[:2])
    assert np.allclose(box, extent + [-pad, -pad, pad, pad], atol=1.5)


def test_smoothing_is_each_persons_own():
    rng = np.random.default_rng(0)
    noisy = [[person(*(at + rng.normal(0, 1, 2))) for at in ((100, 150), (400, 200))] for _ in range(40)]
    images, times = [np.full((400, 600, 3), i, np.uint8) for i in range(40)], np.arange(40) / 25
    smooth = PoseTracker(Stage(lambda i: noisy[i]), smoothing=OneEuro())(images, times)
    for p in range(2):
        before, after = (np.array([people[p].xy_image for people in told]) for told in (noisy, smooth))
        assert np.abs(np.diff(after, 2, axis=0)).mean() < 0.5 * np.abs(np.diff(before, 2, axis=0)).mean()
        assert np.abs(after.mean(0) - before.mean(0)).max() < 1


def test_detections_are_in_every_nth_frame():
    with pytest.raises(ValueError, match="detect_every is a whole number from 1 up, got 0"):
        PoseTracker(Stage(lambda i: []), smoothing=None, detect_every=0)


@pytest.mark.parametrize("batch", [1, 4])
def test_a_recurrent_model_carries_its_state_from_frame_to_frame(spec, batch):
    """Its person goes behind something for three frames; what it remembers is where they were, under the same id."""
    reader = RecurrentRampReader(spec)
    tracker = PoseTracker(Predictor(reader, decoder="quadratic"), smoothing=None, min_score=0.05, detect_every=100)
    images = [ramp_image((310, 230)) if i not in (4, 5, 6) else np.zeros((230, 310, 3), np.uint8) for i in range(10)]
    told = []
    for start in range(0, 10, batch):
        part = images[start : start + batch]
        told += tracker(part, [(start + i) / 25 for i in range(len(part))])
    assert [[pose.track_id for pose in people] for people in told] == [[1]] * 10
    seen = told[3][0].xy_image
    assert all(np.abs(people[0].xy_image - seen).max() < 4 for people in told[4:7])
    assert [state[0, 0].max() for state in reader.states[-3:]] == [7, 8, 9]  # one step for each frame


def test_a_state_stays_with_its_person_over_a_detection(spec):
    reader = RecurrentRampReader(spec)
    tracker = PoseTracker(Predictor(reader, decoder="quadratic"), smoothing=None, min_score=0.05, detect_every=2)
    for i in range(6):
        tracker([ramp_image((310, 230))], [i / 25])
    assert reader.states[-1][0, 0].max() == 5


def test_who_is_lost_is_detected_again_at_once():
    stage = Stage(lambda i: [] if i in (9, 10) else [person(100, 150)])
    told = run(PoseTracker(stage, smoothing=None, detect_every=100), 20, batch=1)
    assert told == [[1]] * 9 + [[]] * 2 + [[1]] * 9


def test_a_doubtful_pose_brings_the_next_detection_on():
    """From frame 10 a chair is where the person was: a pose is found in it, but not by the detector."""
    stage = Stage(lambda i: [person(100, 150)] * (i < 10))
    found = stage.poses_in
    stage.poses_in = lambda i, boxes: (
        [person(100, 150, score=0.5)] * len(boxes) if boxes is not None and i >= 10 else found(i, boxes)
    )
    told = run(PoseTracker(stage, smoothing=None, detect_every=100), 20, batch=4)
    assert told == [[1]] * 12 + [[]] * 8
    assert [index for index, detected in stage.calls if detected] == [0, 12, 16]


@pytest.mark.parametrize(
    ("asked", "predictors", "rule", "least"),
    [
        (None, None, None, 0.2),
        (None, None, PersonScore(0.0, 1.0, 1.0, threshold=0.27), 0.27),
        (None, 0.6, PersonScore(0.0, 1.0, 1.0, threshold=0.27), 0.6),
        (0.9, 0.6, None, 0.9),
    ],
)
def test_who_counts_as_a_person(asked, predictors, rule, least):
    asked_for, new = [], min(2 * least, (1 + least) / 2)
    stage = Stage(lambda i: [person(100, 150, new - 0.001), person(400, 150, new + 0.001)])
    stage.min_score, stage.spec.person_score = predictors, rule
    predict = stage.predict
    stage.predict = lambda *given: (asked_for.append(given[3:]), predict(*given))[1]
    assert run(PoseTracker(stage, smoothing=None, min_score=asked, detect_every=1), 1, batch=1) == [[1]]
    assert asked_for == [(least,)]
