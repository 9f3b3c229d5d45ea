import copy
import pickle
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pytest
from PIL import Image as PillowImage

from tests.core.test_image_input import REFUSED
from tests.support.image_files import encoded
from tests.support.ramps import RampReader, ramp_image, ramp_joints
from unipose.core.boxes import Detections
from unipose.core.draw import draw_poses
from unipose.core.image import DamagedImage
from unipose.core.model_spec import PersonScore
from unipose.core.pose import Pose
from unipose.inference.crop_box import crop_box
from unipose.inference.loading import load
from unipose.inference.predictor import Predictor
from unipose.inference.recurrent import RecurrentPredictor
from unipose.tracking.pose_tracker import PoseTracker

SIZE = (310, 230)
IMAGE, JOINTS = ramp_image(SIZE), ramp_joints(SIZE)
BOX = np.array([90.0, 20.0, 290.0, 200.0])


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_it_is_opened_anew_rather_than_copied(ramp_reader, copied):
    with pytest.raises(TypeError, match=r"not copied or pickled; each process calls load\(\)"):
        copied(Predictor(ramp_reader))


@pytest.mark.parametrize("box", [BOX, BOX + [-80, 0, 0, 0], (0, 0, *SIZE), (-50, -40, 500, 400)])
def test_joints_come_back_in_image_pixels(ramp_reader, box):
    [[pose]] = Predictor(ramp_reader, decoder="quadratic").predict([IMAGE], [[box]])
    assert np.abs(pose.xy_image - JOINTS).max() < 0.3
    assert pose.score.min() > 0.7
    assert pose.box_xyxy.tolist() == list(box)


def test_flip_test_is_unbiased(ramp_reader, spec):
    """With a network that knows left from right, as a trained one does, the flip test moves nothing."""

    class TellsSides(RampReader):
        def run(self, batch):
            maps = super().run(batch)
            half = len(batch) // 2  # the mirrored inputs
            maps[half:] = maps[half:, list(self.spec.skeleton.mirror)]
            return maps

    [[straight]] = Predictor(ramp_reader, decoder="quadratic").predict([IMAGE], [[BOX]])
    [[flipped]] = Predictor(TellsSides(spec), flip=True, decoder="quadratic").predict([IMAGE], [[BOX]])
    assert np.abs(flipped.xy_image - straight.xy_image).max() < 0.1
    assert ramp_reader.batches == [1]


def test_without_boxes_the_box_is_refined(ramp_reader):
    size = (620, 440)
    [[pose]] = Predictor(ramp_reader, decoder="quadratic").predict([ramp_image(size)])
    assert np.abs(pose.xy_image - ramp_joints(size)).max() < 0.5
    left, top, right, bottom = pose.box_xyxy
    assert 0 < left < ramp_joints(size)[:, 0].min() and 0 < top < ramp_joints(size)[:, 1].min()
    assert ramp_joints(size)[:, 0].max() < right < 620 and ramp_joints(size)[:, 1].max() < bottom < 440
    assert ramp_reader.batches == [1, 1, 1]


def test_people_and_images_share_batches(ramp_reader):
    predictor = Predictor(ramp_reader, max_batch=4, decoder="quadratic")
    poses = predictor.predict([IMAGE, IMAGE, IMAGE], [[BOX, BOX - 1], np.zeros((0, 4)), [BOX] * 3])
    assert [len(p) for p in poses] == [2, 0, 3]
    assert ramp_reader.batches == [4, 1]
    assert poses[0][1].box_xyxy.tolist() == (BOX - 1).tolist()


def test_batched_equals_single(ramp_reader):
    predictor = Predictor(ramp_reader, decoder="quadratic")
    boxes = [BOX, BOX + [-30, 0, 0, 3], BOX + [0, -2, 1, 1]]
    together = predictor.predict([IMAGE], [boxes])[0]
    for box, pose in zip(boxes, together, strict=True):
        [[alone]] = predictor.predict([IMAGE], [[box]])
        assert np.array_equal(alone.xy_image, pose.xy_image)


def test_nothing_in_nothing_out(ramp_reader):
    assert Predictor(ramp_reader, decoder="quadratic").predict([]) == []
    assert ramp_reader.batches == []


ALL_ONE_PERSON = ("unipose.inference.predictor.DUPLICATE_OKS", 1.0)  # a ramp shows one, whatever the box


def test_a_detector_that_finds_several_people_exactly(ramp_reader, monkeypatch):
    monkeypatch.setattr(*ALL_ONE_PERSON)

    @dataclass
    class Two:
        refinement: str = "none"
        input_wh = None

        def detect(self, image):
            return Detections(np.stack([BOX, BOX + 1]))

    [poses] = Predictor(ramp_reader, Two(), decoder="quadratic").predict([IMAGE])
    assert sorted(pose.box_xyxy[0] for pose in poses) == [BOX[0], BOX[0] + 1]
    assert ramp_reader.batches == [2]


@pytest.mark.parametrize("most", [0, 1, 2, 3, None])
def test_of_the_detectors_boxes_the_best_are_used(ramp_reader, monkeypatch, most):
    monkeypatch.setattr(*ALL_ONE_PERSON)

    @dataclass
    class Three:
        refinement: str = "none"
        input_wh = None

        def detect(self, image):
            return Detections(np.stack([BOX + 1, BOX, BOX - 1]))

    predictor = Predictor(ramp_reader, Three(), decoder="quadratic")
    [first, second] = predictor.predict([IMAGE, IMAGE], max_people=most)
    used = sorted([BOX[0] + 1, BOX[0], BOX[0] - 1][:most])
    assert sorted(pose.box_xyxy[0] for pose in first) == used and len(second) == len(first)
    [asked] = predictor.predict([IMAGE], [[BOX] * 4], max_people=most)
    assert len(asked) == 4  # given boxes are all used


@pytest.mark.parametrize(("box", "passes"), [([0, 0, 310, 230], 3), ([80, 20, 290, 200], 2)])
def test_a_person_much_smaller_than_the_first_crop_is_refined_once_more(ramp_reader, box, passes):
    @dataclass
    class Loose:
        refinement: str = "keypoints"
        input_wh = None

        def detect(self, image):
            return Detections(np.array([box], float))

    size = (310, 230)
    [[pose]] = Predictor(ramp_reader, Loose(), decoder="quadratic").predict([ramp_image(size)])
    assert ramp_reader.batches == [1] * passes
    assert np.abs(pose.xy_image - ramp_joints(size)).max() < 0.5


def test_threads_do_not_disturb_each_other(ramp_reader):
    predictor = Predictor(ramp_reader, decoder="quadratic")
    sizes = [(310 - 7 * i, 230 + 11 * i) for i in range(6)]
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda size: predictor.predict([ramp_image(size)])[0][0], sizes))
    for size, pose in zip(sizes, answers, strict=True):
        assert np.abs(pose.xy_image - ramp_joints(size)).max() < 0.3


WRONG_BOXES = {  # what is wrong with a box, the same words as the service's
    "must have x2 at least 1 more": [5, 5, 5, 9],
    "must have x2 at least 1 more than x1, and y2 than y1; got [5, 40, 9, 40.5]": [5, 40, 9, 40.5],
    "is in pixels, x1, y1, x2, y2, not in shares of the image; got [0.1, 0.1, 0.9, 0.9]": [0.1, 0.1, 0.9, 0.9],
    "not in shares of the image; got [0, 0, 1, 1]": [0, 0, 1, 1],
    "lies outside the image, which covers [0, 0, 310, 230] once upright; got [310, 5, 400, 90]": [310, 5, 400, 90],
    "is nan, no number": [5, float("nan"), 50, 90],
    "is inf, no number from -1,000,000 to 1,000,000": [5, 6, float("inf"), 90],
}


@pytest.mark.parametrize(("what", "box"), WRONG_BOXES.items())
def test_a_box_that_cannot_be_a_persons_is_refused(ramp_reader, what, box):
    predictor = Predictor(ramp_reader, decoder="quadratic")
    for call, place in {
        lambda: predictor(IMAGE, [BOX, box]): "boxes[1]",
        lambda: predictor(IMAGE, box): "boxes[0]",
        lambda: predictor([IMAGE] * 18, [None] * 17 + [[box]]): "boxes[17][0]",
        lambda: predictor.predict([IMAGE, IMAGE], [None, [BOX, box]]): "boxes[1][1]",
    }.items():
        with pytest.raises(ValueError, match=re.escape(what)) as refused:
            call()
        assert str(refused.value).startswith(place)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_batch": 0}, "max_batch is a whole number from 1 up, got 0"),
        ({"min_score": 50}, "min_score, of a person, is a number from 0 to 1, got 50"),
        ({"min_score": float("nan")}, "min_score, of a person, is a number from 0 to 1, got nan"),
        ({"decoder": "x"}, "no decoder 'x'; choose one of"),
    ],
)
def test_a_predictor_that_cannot_be(ramp_reader, values, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Predictor(ramp_reader, **values)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"max_people": -1}, "max_people is a whole number from 0 up, got -1"),  # which was all but the last
        (
            {"min_score": float("nan")},
            "min_score, of a person, is a number from 0 to 1, got nan",
        ),  # which was everybody
        ({"min_score": 50}, "min_score, of a person, is a number from 0 to 1, got 50"),
    ],
)
def test_people_who_cannot_be_asked_for(ramp_reader, asked, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Predictor(ramp_reader).predict([IMAGE], **asked)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):  # of no image in particular
        Predictor(ramp_reader).predict([encoded(PillowImage.fromarray(IMAGE), "PNG")], **asked)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("boxes", [None, [BOX], np.zeros((0, 4))], ids=["found", "given", "none"])
def test_of_a_list_the_damaged_image_is_named(ramp_reader, kind, boxes):
    """Whichever of its ends it is found at: by its header, or once it is decoded."""
    whole = encoded(PillowImage.fromarray(IMAGE), kind)
    with pytest.raises(DamagedImage, match=rf"^images\[17\]: the image is a damaged {kind} file"):
        Predictor(ramp_reader)([whole] * 17 + [whole[: len(whole) // 2]], [None] * 17 + [boxes])


@pytest.mark.parametrize("device", [0, None, [0]])
def test_a_device_is_named(device):
    with pytest.raises(
        ValueError, match=re.escape(f"a device is cpu, cuda, or one of several as cuda:0; got {device!r}")
    ):
        load(device=device)


@pytest.mark.parametrize(
    "boxes", [np.zeros((2, 1, 4)), [5, 6, 70, 80, 9], [[5, 6, 7]], [[5, 6], [7, 8, 9, 10]], "ab", 5]
)
def test_boxes_of_another_shape_are_refused(ramp_reader, boxes):
    with pytest.raises(ValueError, match=r"boxes are .*x1, y1, x2, y2 in pixels"):
        Predictor(ramp_reader)(IMAGE, boxes)
    assert len(Predictor(ramp_reader, decoder="quadratic")(IMAGE, BOX.tolist())) == 1  # one is meant


@pytest.mark.parametrize(("image", "came", "advice"), REFUSED.values(), ids=list(REFUSED))
def test_what_is_no_image_is_refused_by_all_that_take_one(ramp_reader, image, came, advice):
    predictor = Predictor(ramp_reader)
    for take in (
        lambda: predictor([image]),
        lambda: predictor.predict([image]),
        lambda: PoseTracker(predictor).update(image, 0.0),
        lambda: RecurrentPredictor(predictor).predict([image], [BOX], [None]),
        lambda: predictor.detector.detect(image),
        lambda: draw_poses(image, [], predictor.spec.skeleton),
    ):
        with pytest.raises(ValueError, match=re.escape(came)) as refused:
            take()
        assert advice in str(refused.value)


PAD = 0.15 * 24  # of the taller side of the two sure keypoints' pixels, 10 x 24


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        ([0.9, 0.9, 0.05], [10 - PAD, 10 - PAD, 20 + PAD, 34 + PAD]),
        ([0.9, 0.05, 0.05], [0, 0, 50, 36]),  # one sure keypoint says nothing: the old box stays
    ],
)
def test_crop_box(score, expected):
    pose = Pose(np.array([[10.0, 10], [19, 33], [12, 20]]), np.array(score), np.array([0.0, 0, 50, 36]))
    assert crop_box(pose, (50, 40)) == pytest.approx(expected)
    shallow = crop_box(pose, (22, 36))
    assert shallow == pytest.approx(np.minimum(expected, [22, 36, 22, 36]) if score[1] > 0.5 else expected)


@dataclass
class Scored:
    """Finds the person of a ramp image twice, in boxes of these scores."""

    scores: tuple[float, float]
    refinement: str = "none"
    input_wh = None

    def detect(self, image):
        return Detections(np.stack([BOX, BOX - 1]), np.array(self.scores))


RULE = PersonScore(bias=0.0, detection=1.0, keypoints=0.0, threshold=0.4)  # the detection's own score


def with_rule(ramp_reader):
    ramp_reader.spec = replace(ramp_reader.spec, person_score=RULE)
    return ramp_reader


def test_of_two_poses_of_a_person_the_more_likely_stays(ramp_reader):
    [[pose]] = Predictor(with_rule(ramp_reader), Scored((0.6, 0.8))).predict([IMAGE])
    assert (pose.detection, pose.box_xyxy.tolist()) == (0.8, (BOX - 1).tolist())
    assert pose.person_score == pose.probability == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("own", "asked", "people"),
    [(None, None, 0), (None, 0.3, 1), (0.2, None, 1), (0.2, 0.39, 0), (None, 0.0, 1)],
)
def test_nobody_below_the_threshold_is_found(ramp_reader, own, asked, people):
    predictor = Predictor(with_rule(ramp_reader), Scored((0.35, 0.1)), min_score=own)
    assert len(predictor.predict([IMAGE], min_score=asked)[0]) == people


def test_a_finder_is_no_pose_model(ramp_reader):
    ramp_reader.spec = replace(ramp_reader.spec, kind="finder")
    with pytest.raises(ValueError, match="ramp is a finder, not a pose model"):
        Predictor(ramp_reader)


def test_given_boxes_keep_their_poses_whatever_they_score(ramp_reader):
    [poses] = Predictor(with_rule(ramp_reader), Scored((0.9, 0.9)), min_score=0.99).predict([IMAGE], [[BOX, BOX]])
    assert len(poses) == 2 and poses[0].probability is None
