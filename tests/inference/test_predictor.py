from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest

from tests.support.ramps import RampReader, ramp_image, ramp_joints
from unipose.core.pose import Pose
from unipose.inference.predictor import Predictor, crop_box

SIZE = (310, 230)
IMAGE, JOINTS = ramp_image(SIZE), ramp_joints(SIZE)
BOX = np.array([90.0, 20.0, 290.0, 200.0])


@pytest.mark.parametrize("box", [BOX, BOX + [-80, 0, 0, 0], (0, 0, *SIZE), (-50, -40, 500, 400)])
def test_joints_come_back_in_image_pixels(ramp_reader, box):
    [[pose]] = Predictor(ramp_reader).predict([IMAGE], [[box]])
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

    [[straight]] = Predictor(ramp_reader).predict([IMAGE], [[BOX]])
    [[flipped]] = Predictor(TellsSides(spec), flip=True).predict([IMAGE], [[BOX]])
    assert np.abs(flipped.xy_image - straight.xy_image).max() < 0.1
    assert ramp_reader.batches == [1]


def test_without_boxes_the_box_is_refined(ramp_reader):
    size = (620, 440)
    [[pose]] = Predictor(ramp_reader).predict([ramp_image(size)])
    assert np.abs(pose.xy_image - ramp_joints(size)).max() < 0.5
    left, top, right, bottom = pose.box_xyxy
    assert 0 < left < ramp_joints(size)[:, 0].min() and 0 < top < ramp_joints(size)[:, 1].min()
    assert ramp_joints(size)[:, 0].max() < right < 620 and ramp_joints(size)[:, 1].max() < bottom < 440
    assert ramp_reader.batches == [1, 1, 1]


def test_people_and_images_share_batches(ramp_reader):
    predictor = Predictor(ramp_reader, max_batch=4)
    poses = predictor.predict([IMAGE, IMAGE, IMAGE], [[BOX, BOX - 1], np.zeros((0, 4)), [BOX] * 3])
    assert [len(p) for p in poses] == [2, 0, 3]
    assert ramp_reader.batches == [4, 1]
    assert poses[0][1].box_xyxy.tolist() == (BOX - 1).tolist()


def test_batched_equals_single(ramp_reader):
    predictor = Predictor(ramp_reader)
    boxes = [BOX, BOX + [-30, 0, 0, 3], BOX + [0, -2, 1, 1]]
    together = predictor.predict([IMAGE], [boxes])[0]
    for box, pose in zip(boxes, together, strict=True):
        [[alone]] = predictor.predict([IMAGE], [[box]])
        assert np.array_equal(alone.xy_image, pose.xy_image)


def test_nothing_in_nothing_out(ramp_reader):
    assert Predictor(ramp_reader).predict([]) == []
    assert ramp_reader.batches == []


def test_a_detector_that_finds_several_people_exactly(ramp_reader):
    @dataclass
    class Two:
        needs_refinement: bool = False

        def detect(self, image):
            return np.stack([BOX, BOX + 1])

    [poses] = Predictor(ramp_reader, Two()).predict([IMAGE])
    assert [pose.box_xyxy[0] for pose in poses] == [BOX[0], BOX[0] + 1]
    assert ramp_reader.batches == [2]


@pytest.mark.parametrize("most", [0, 1, 2, 3, None])
def test_of_the_detectors_boxes_the_best_are_used(ramp_reader, most):
    @dataclass
    class Three:
        needs_refinement: bool = False

        def detect(self, image):
            return np.stack([BOX + 1, BOX, BOX - 1])

    predictor = Predictor(ramp_reader, Three())
    [first, second] = predictor.predict([IMAGE, IMAGE], max_people=most)
    assert [pose.box_xyxy[0] for pose in first] == [BOX[0] + 1, BOX[0], BOX[0] - 1][:most] and len(second) == len(first)
    [asked] = predictor.predict([IMAGE], [[BOX] * 4], max_people=most)
    assert len(asked) == 4  # given boxes are all used


@pytest.mark.parametrize(("box", "passes"), [([0, 0, 310, 230], 3), ([80, 20, 290, 200], 2)])
def test_a_person_much_smaller_than_the_first_crop_is_refined_once_more(ramp_reader, box, passes):
    @dataclass
    class Loose:
        needs_refinement: bool = True

        def detect(self, image):
            return np.array([box], float)

    size = (310, 230)
    [[pose]] = Predictor(ramp_reader, Loose()).predict([ramp_image(size)])
    assert ramp_reader.batches == [1] * passes
    assert np.abs(pose.xy_image - ramp_joints(size)).max() < 0.5


def test_threads_do_not_disturb_each_other(ramp_reader):
    predictor = Predictor(ramp_reader)
    sizes = [(310 - 7 * i, 230 + 11 * i) for i in range(6)]
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda size: predictor.predict([ramp_image(size)])[0][0], sizes))
    for size, pose in zip(sizes, answers, strict=True):
        assert np.abs(pose.xy_image - ramp_joints(size)).max() < 0.3


def test_a_box_without_area_is_refused(ramp_reader):
    with pytest.raises(ValueError, match="x1 < x2"):
        Predictor(ramp_reader).predict([IMAGE], [[[5, 5, 5, 9]]])


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
    assert crop_box(pose, np.zeros((40, 50, 3), np.uint8)) == pytest.approx(expected)
    shallow = crop_box(pose, np.zeros((36, 22, 3), np.uint8))
    assert shallow == pytest.approx(np.minimum(expected, [22, 36, 22, 36]) if score[1] > 0.5 else expected)
