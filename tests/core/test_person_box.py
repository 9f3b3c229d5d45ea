import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unipose.core.geometry import Affine
from unipose.core.person_box import POINTS, from_points, has_box, to_points, with_box
from unipose.core.skeleton import SKELETONS, Skeleton

edge = st.floats(-1e3, 1e3)
boxes = st.tuples(edge, edge, st.floats(1, 1e3), st.floats(1, 1e3)).map(
    lambda b: np.array([b[0], b[1], b[0] + b[2], b[1] + b[3]])
)


@given(boxes)
def test_a_box_is_its_points(box):
    assert from_points(to_points(box)) == pytest.approx(box)


@given(boxes, st.integers(10, 500))
def test_a_mirrored_box_is_its_mirrored_points(box, width):
    """The partner of each point, moved as the image is, is the point of the mirrored box."""
    skeleton = with_box(SKELETONS["lsp14"])
    order = np.array(skeleton.mirror[-5:]) - 14
    mirrored = np.array([width - box[2], box[1], width - box[0], box[3]])
    assert Affine.mirror(width)(to_points(box)[order]) == pytest.approx(to_points(mirrored))


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_every_skeleton_can_have_the_points(skeleton):
    boxed = with_box(skeleton)
    assert boxed.keypoints == skeleton.keypoints + POINTS and boxed.mirror[: len(skeleton.keypoints)] == skeleton.mirror
    assert has_box(boxed) and not has_box(skeleton)
    assert Skeleton.from_dict(boxed.to_dict()) == boxed
    with pytest.raises(ValueError, match="unique"):
        with_box(boxed)
