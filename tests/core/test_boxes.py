import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unipose.core.boxes import (
    check_boxes,
    enclosing_box,
    from_xywh,
    iou,
    nms,
    require_overlap,
    select_people,
    to_xywh,
)

SIZE = (50, 30)
A, B, C = [5, 6, 15, 26], [30, 2, 44, 20], [6, 6, 15, 26]  # C is almost A: 9/10 of their union


@pytest.mark.parametrize(
    ("boxes", "scores", "expected"),
    [
        ([A, B], [0.6, 0.9], [B, A]),  # the best first
        ([A, B], [0.5, 0.49], [A]),  # from the threshold on
        ([A, B], [np.nan, 0.9], [B]),
        ([A, [np.nan, 2, 44, 20]], [0.9, 0.9], [A]),
        ([[-9, -8, 20, 12], [40, 20, 90, 80]], [0.9, 0.8], [[0, 0, 20, 12], [40, 20, 50, 30]]),  # clipped
        ([[60, 2, 70, 9], [5, 40, 9, 50], B], [0.9, 0.8, 0.7], [B]),  # outside
        ([[5, 6, 5.9, 26], [5, 6, 15, 6.5], [15, 26, 5, 6], B], [0.9, 0.8, 0.7, 0.6], [B]),  # empty or inverted
        ([A, B, C], [0.7, 0.6, 0.8], [C, A, B]),  # nothing is suppressed by default
        (np.empty((0, 4)), [], np.empty((0, 4))),
    ],
)
def test_people_are_selected_from_a_detectors_boxes(boxes, scores, expected):
    found = select_people(boxes, scores, SIZE, threshold=0.5)
    assert found.boxes_xyxy.shape == (len(expected), 4) and found.boxes_xyxy.dtype == np.float64
    assert (found.scores >= 0.5).all() and (np.diff(found.scores) <= 0).all() and len(found.scores) == len(found)
    assert found.boxes_xyxy.tolist() == np.array(expected, float).tolist()


def test_of_two_overlapping_boxes_the_better_one_is_kept():
    assert select_people([A, B, C], [0.7, 0.6, 0.8], SIZE, 0.5, max_iou=0.89).boxes_xyxy.tolist() == [C, B]
    assert select_people([A, B, C], [0.7, 0.6, 0.8], SIZE, 0.5, max_iou=0.9).boxes_xyxy.tolist() == [C, A, B]


def test_a_suppressed_box_suppresses_no_other():
    chain = np.array([[0.0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]])  # each overlaps only its neighbours enough
    assert nms(chain, 0.3) == [0, 2]


boxes = st.tuples(*2 * [st.floats(-50, 50)], *2 * [st.floats(0.5, 80)]).map(
    lambda box: np.array([box[0], box[1], box[0] + box[2], box[1] + box[3]])
)


@given(st.lists(boxes.filter(lambda box: (box[2:] - box[:2] >= 1).all() and (box < 0).any() | (box > 1).any())))
def test_boxes_that_can_be_are_taken_as_they_are(given):
    for form in (given, [box.tolist() for box in given], tuple(map(tuple, given))):
        assert check_boxes(form).tolist() == np.reshape(given, (-1, 4)).tolist()
    for box in given:
        assert check_boxes(box).tolist() == [box.tolist()]


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_shares_of_the_image_are_no_pixels(shares):
    with pytest.raises(ValueError, match=r"boxes\[1\]: is in pixels, x1, y1, x2, y2, not in shares of the image"):
        check_boxes([A, shares])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            [A, [15, 6, 5, 26]],
            r"boxes\[1\]: must have x2 at least 1 more than x1, and y2 than y1; got \[15, 6, 5, 26\]",
        ),
        ([[5, 6, 5.9, 26]], r"boxes\[0\]: must have x2 at least 1 more"),
        ([A, [5, 6, np.nan, 26]], r"boxes\[1\]\[2\]: is nan, no number from -1,000,000 to 1,000,000"),
        ([[5, -np.inf, 7, 26]], r"boxes\[0\]\[1\]: is -inf"),
        ([[5, 6, 2e6, 26]], r"boxes\[0\]\[2\]: is 2000000.0"),
        ([[5, 6, None, 26]], r"boxes\[0\]\[2\]: is nan"),
        ([[5, 6, 15]], r"boxes are \(N, 4\), rows of x1, y1, x2, y2 in pixels; got an array \(1, 3\)"),
        ([5, 6, 15, 26, 9], r"boxes are \(N, 4\).* \(5,\)"),
        ([A, [5, 6, 15]], "boxes are rows of four numbers, x1, y1, x2, y2 in pixels"),
        ("5,6,15,26", "boxes are rows of four numbers, x1, y1, x2, y2 in pixels: .*'5,6,15,26'"),
        ({"x1": 5}, "boxes are rows of four numbers, x1, y1, x2, y2 in pixels"),
    ],
)
def test_boxes_that_cannot_be_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        check_boxes(given)


@pytest.mark.parametrize("box", [[-9, 0, 0, 30], [50, 0, 60, 30], [0, -9, 50, 0], [0, 30, 50, 40]])
def test_a_box_beside_the_image_is_refused(box):
    with pytest.raises(ValueError, match=r"--box: lies outside the image, which covers \[0, 0, 50, 30\]"):
        require_overlap(check_boxes([box]), SIZE, "--box")
    require_overlap(check_boxes([A, [-9, -9, 1, 1], [49, 29, 90, 90]]), SIZE)


@given(boxes, boxes)
def test_iou_is_symmetric_and_one_with_itself(a, b):
    [[there]], [[back]], [[same]] = iou(a[None], b[None]), iou(b[None], a[None]), iou(a[None], a[None])
    assert there == pytest.approx(back) and 0 <= there <= 1 + 1e-9
    assert same == pytest.approx(1)


@given(st.lists(boxes, max_size=4))
def test_cocos_boxes_come_back(drawn):
    array = np.array(drawn).reshape(-1, 4)
    np.testing.assert_allclose(from_xywh(to_xywh(array)), array, atol=1e-12)


def test_cocos_box_by_hand():
    assert to_xywh([3, 4, 10, 24]).tolist() == [3, 4, 7, 20]
    assert from_xywh([[3, 4, 7, 20]]).tolist() == [[3, 4, 10, 24]]


@pytest.mark.parametrize("box", [[1, 2, 3], [[1, 2], [3, 4]], 5, None])
def test_what_is_no_box_is_refused(box):
    for convert, names in ((to_xywh, "x1, y1, x2, y2"), (from_xywh, "x, y, width, height")):
        with pytest.raises(ValueError, match=f"a box is {names}, got an array of shape"):
            convert(box)


def test_iou_of_every_pair():
    overlap = iou(np.array([A, B], float), np.array([C, B, [60, 2, 70, 9]], float))
    assert overlap == pytest.approx(np.array([[0.9, 0, 0], [0, 1, 0]]))


@pytest.mark.parametrize(
    ("xy", "padding", "expected"),
    [
        ([[3, 9]], 0.0, [3, 9, 4, 10]),  # a pixel
        ([[3, 9], [7, 5], [4, 6]], 0.0, [3, 5, 8, 10]),
        ([[3.5, 9], [20, 5.25]], 0.0, [3.5, 5.25, 21, 10]),
        ([[3, 9], [22, 5]], 0.1, [1, 3, 25, 12]),  # padded by a tenth of 20, the longer side
    ],
)
def test_the_box_around_points(xy, padding, expected):
    assert enclosing_box(np.array(xy, float), padding).tolist() == expected
