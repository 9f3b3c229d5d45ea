import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unipose.core.geometry import Affine

number = st.floats(-300, 300)
factor = st.floats(0.1, 10)
point = st.tuples(number, number)
affines = st.one_of(
    st.builds(Affine.translate, number, number),
    st.builds(Affine.scale, factor, factor),
    st.builds(Affine.rotate, st.floats(-180, 180), point),
    st.builds(Affine.mirror, st.integers(1, 500)),
)


@given(affines, affines, point)
def test_compose_applies_the_right_one_first(second, first, xy):
    assert (second @ first)(xy) == pytest.approx(second(first(xy)), abs=1e-6)


@given(affines, point)
def test_inverse_undoes(affine, xy):
    assert affine.inverse()(affine(xy)) == pytest.approx(xy, abs=1e-6)


@pytest.mark.parametrize(
    ("affine", "before", "after"),
    [
        (Affine.identity(), (3, 5), (3, 5)),
        (Affine.scale(2, 4), (0, 0), (0.5, 1.5)),  # the first pixel's centre, when pixels become 2 x 4
        (Affine.resize((640, 480), (64, 96)), (-0.5, -0.5), (-0.5, -0.5)),  # edges stay edges
        (Affine.resize((640, 480), (64, 96)), (639.5, 479.5), (63.5, 95.5)),
        (Affine.mirror(7), (0, 2), (6, 2)),
        (Affine.rotate(90, (10, 20)), (11, 20), (10, 21)),  # x turns towards y
        (Affine.fit((0, 0, 64, 48), (64, 48)), (3, 4), (3, 4)),  # the whole image onto itself
        (Affine.fit((10, 30, 20, 50), (40, 40)), (14.5, 39.5), (19.5, 19.5)),  # centre to centre
        (Affine.fit((10, 30, 20, 50), (40, 40)), (14.5, 29.5), (19.5, -0.5)),  # the long side fills
        (Affine.fit((10, 30, 20, 50), (40, 40), 2.0), (14.5, 29.5), (19.5, 9.5)),
    ],
)
def test_known_points(affine, before, after):
    assert affine(before) == pytest.approx(after, abs=1e-9)


@given(st.tuples(number, number, st.floats(1, 300), st.floats(1, 300)), st.integers(8, 300), st.integers(8, 300))
def test_fit_keeps_the_aspect_and_the_box_inside(box, width, height):
    x, y, w, h = box
    affine = Affine.fit((x, y, x + w, y + h), (width, height))
    (a, b), (c, d) = affine.matrix[:, :2]
    assert a == d and b == c == 0
    corners = affine([(x - 0.5, y - 0.5), (x + w - 0.5, y + h - 0.5)])
    assert corners.min() >= -0.5 - 1e-6 and (corners.max(axis=0) <= np.array([width, height]) - 0.5 + 1e-6).all()
    sides = (corners[1] - corners[0]) / (width, height)
    assert sides.max() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("box", [(0, 0, 0, 5), (5, 0, 1, 5), (0, 0, np.nan, 5), (0, 0, np.inf, 5)])
def test_fit_refuses_a_box_without_area(box):
    with pytest.raises(ValueError, match="x1 < x2"):
        Affine.fit(box, (10, 10))


@given(affines)
def test_zoom_is_how_lengths_grow(affine):
    square = affine([(0, 0), (1, 0), (0, 1)])
    area = abs(np.linalg.det(square[1:] - square[0]))
    assert affine.zoom == pytest.approx(np.sqrt(area))


def test_resize_agrees_with_opencv():
    """A linear ramp resized by OpenCV has, at every inner pixel, the source coordinate that the inverse map gives."""
    ramp = np.tile(np.arange(40, dtype=np.float32), (30, 1))
    resized = cv2.resize(ramp, (100, 60), interpolation=cv2.INTER_LINEAR)
    back = Affine.resize((40, 30), (100, 60)).inverse()
    xs = np.arange(5, 95)
    assert resized[30, xs] == pytest.approx(back(np.stack([xs, np.full_like(xs, 30)], 1))[:, 0], abs=1e-3)
