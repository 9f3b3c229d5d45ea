import numpy as np

from unipose.detect import DETECTORS, WholeImage


def test_the_whole_image_is_one_rough_box():
    boxes = WholeImage().detect(np.zeros((30, 50, 3), np.uint8))
    assert boxes.tolist() == [[0, 0, 50, 30]]
    assert WholeImage().rough
    assert DETECTORS["whole"] is WholeImage
