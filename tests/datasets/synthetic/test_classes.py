import numpy as np

from unipose.datasets.synthetic.classes import SHAPES, draw_classes, draw_shape


def test_classes_take_turns_and_an_image_depends_on_seed_and_number_alone():
    images, labels = draw_classes(14, seed=3, side=24)
    assert images.shape == (14, 24, 24, 3) and images.dtype == np.uint8
    assert labels.tolist() == [i % len(SHAPES) for i in range(14)]
    fewer, _ = draw_classes(9, seed=3, side=24)
    assert np.array_equal(fewer, images[:9])
    assert not np.array_equal(draw_classes(14, seed=4, side=24)[0], images)


def test_shapes_lie_within_their_circle_and_differ():
    """Of the same place, size and colour: what a class adds to the background is its own."""
    assert all(np.hypot(*polygon.T).max() <= 1.05 for polygons in SHAPES.values() for polygon in polygons)
    bare = draw_shape(np.random.default_rng(5), (), 64).astype(int)
    shown = [draw_shape(np.random.default_rng(5), polygons, 64) for polygons in SHAPES.values()]
    areas = [int((np.abs(image - bare).sum(axis=2) > 0).sum()) for image in shown]
    assert all(50 < area < 64 * 64 / 2 for area in areas)
    assert len(set(areas)) == len(SHAPES)
