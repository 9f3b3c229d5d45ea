import numpy as np
import pytest

from unipose.core.boxes import people, suppress

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
        ([[5, 6, 5.9, 26], [5, 6, 15, 6.5], [15, 26, 5, 6], B], [0.9, 0.8, 0.7, 0.6], [B]),  # empty, or turned round
        ([A, B, C], [0.7, 0.6, 0.8], [C, A, B]),  # nothing is suppressed unless asked for
        (np.empty((0, 4)), [], np.empty((0, 4))),
    ],
)
def test_boxes_of_people(boxes, scores, expected):
    found = people(boxes, scores, SIZE, threshold=0.5)
    assert found.shape == (len(expected), 4) and found.dtype == np.float64
    assert found.tolist() == np.array(expected, float).tolist()


def test_the_better_of_two_boxes_that_overlap_stays():
    assert people([A, B, C], [0.7, 0.6, 0.8], SIZE, 0.5, overlap=0.89).tolist() == [C, B]
    assert people([A, B, C], [0.7, 0.6, 0.8], SIZE, 0.5, overlap=0.9).tolist() == [C, A, B]


def test_a_suppressed_box_suppresses_nobody():
    chain = np.array([[0.0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]])  # each overlaps only its neighbours enough
    assert suppress(chain, 0.3).tolist() == chain[[0, 2]].tolist()
