from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.inference.detectors.test_finder import RedFinder
from unipose.core.boxes import Detections
from unipose.core.skeleton import SKELETONS
from unipose.datasets.records import Annotated, RecordSet
from unipose.evaluation.box_ap import GROUP, NUMBERS, box_ap, find_people
from unipose.inference.detectors.finder import Finder

SMALL, MEDIUM, LARGE = [10, 20, 30, 45], [50, 5, 100, 65], [120, 10, 260, 230]  # 500, 3,000 and 30,800 square pixels
FIRST, SECOND = 7, 3  # ids of images


def labelled(boxes, crowds=(), images=(FIRST, SECOND)) -> RecordSet:
    """A set with these boxes, and crowds, in its first image."""
    every = np.array([*boxes, *crowds], float).reshape(-1, 4)
    people = Annotated(every, np.arange(len(every)) >= len(boxes))
    paths = {image_id: Path(f"{image_id}.jpg") for image_id in images}
    return RecordSet(Path("set.json"), SKELETONS["lsp14"], (), paths, {FIRST: people} if len(people) else {})


def found(boxes=(), scores=None) -> Detections:
    array = np.array(boxes, float).reshape(-1, 4)
    return Detections(array, np.linspace(0.9, 0.5, len(array)) if scores is None else np.array(scores, float))


def right(box, part):
    """A box that shares `part` of the box's area, and has nothing beyond it: an IoU of `part`."""
    left, top, end, bottom = box
    return [left, top, left + part * (end - left), bottom]


@pytest.mark.parametrize(
    ("people", "in_first", "in_second", "expected"),
    [
        ([SMALL, MEDIUM, LARGE], [LARGE, SMALL, MEDIUM], [], dict.fromkeys(NUMBERS, 100)),
        ([LARGE], [LARGE], [], {"AP": 100, "AP_small": None, "AP_medium": None, "AP_large": 100}),
        ([LARGE], [right(LARGE, 0.62)], [], {"AP": 30, "AP50": 100, "AP75": 0}),  # right from 0.5 to 0.6, of ten steps
        ([LARGE], [right(LARGE, 0.49)], [], {"AP": 0, "AP50": 0}),
        ([SMALL, LARGE], [LARGE], [], {"AP": 100 * 51 / 101, "AP_small": 0, "AP_large": 100}),  # at recalls 0 to 0.5
        ([LARGE], [LARGE, MEDIUM], [], {"AP": 100}),  # somebody who is not there, but less likely
        ([LARGE], [MEDIUM, LARGE], [], {"AP": 50}),  # or more likely
        ([LARGE], [LARGE], [MEDIUM], {"AP": 50}),  # the same in an image without people, whose box is at 0.95
        ([LARGE], [LARGE, LARGE], [], {"AP": 100}),
        ([MEDIUM, LARGE], [LARGE, LARGE, MEDIUM], [], {"AP": 100 * (51 + 50 * 2 / 3) / 101}),  # a person found twice
        ([SMALL, LARGE], [], [], {"AP": 0, "AP_small": 0, "AP_medium": None, "AP_large": 0}),
    ],
)  # fmt: skip
def test_boxes_by_hand(people, in_first, in_second, expected):
    numbers = box_ap([found(in_first), found(in_second, [0.95] * len(in_second))], labelled(people))
    assert {name: numbers[name] for name in expected} == pytest.approx(expected)
    assert list(numbers) == list(NUMBERS)


CROWD = [100, 0, 300, 240]


@pytest.mark.parametrize(
    ("in_first", "expected"),
    [
        ([MEDIUM], 100),  # nobody of the crowd
        ([LARGE, [110, 40, 150, 190], MEDIUM], 100),  # two of them, more likely than the one who is judged
        ([[0, 100, 40, 200], MEDIUM], 50),  # somebody beside it
    ],
)
def test_a_crowd_is_neither_right_nor_wrong(in_first, expected):
    assert box_ap([found(in_first), found()], labelled([MEDIUM], [CROWD]))["AP"] == pytest.approx(expected)


@pytest.mark.parametrize("crowds", [[], [CROWD]])
def test_a_set_without_people_is_refused(crowds):
    with pytest.raises(ValueError, match=r"set\.json has nobody's box"):
        box_ap([found(), found()], labelled([], crowds))


sides = st.floats(1, 300)
boxes = st.tuples(sides, sides, sides, sides).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))


@given(st.lists(boxes, min_size=1, max_size=6, unique=True))
def test_whoever_is_found_exactly_is_right(people):
    numbers = box_ap([found(people[::-1]), found()], labelled(people))
    assert all(share is None or share == pytest.approx(100) for share in numbers.values()) and numbers["AP"]


def test_every_image_of_a_set_is_looked_at(tmp_path):
    """More of them than a batch holds, of two sizes; every third shows nobody."""
    images, people = {}, {}
    for i in range(GROUP + 3):
        width, height = ((96, 64), (192, 256))[i % 2]
        pixels = np.zeros((height, width, 3), np.uint8)
        box = np.array([1, 2, 3 + i % 4, 6]) * np.tile([width // 12, height // 8], 2)
        if i % 3:
            pixels[box[1] : box[3], box[0] : box[2], 0] = 255
            people[100 - i] = Annotated(box[None].astype(float), np.array([False]))
        images[100 - i] = tmp_path / f"{i}.png"
        Image.fromarray(pixels).save(images[100 - i])
    record_set = RecordSet(tmp_path / "set.json", SKELETONS["lsp14"], (), images, people)
    detected = find_people(Finder(RedFinder()), record_set)
    assert [len(one) for one in detected] == [i % 3 > 0 for i in range(GROUP + 3)]
    assert box_ap(detected, record_set)["AP"] > 90
