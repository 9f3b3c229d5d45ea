import numpy as np
import pytest

from tests.support.onnx_files import CELLS, DOG, INPUT_WH, PERSON, yolox_rows
from tests.support.ramps import ramp_image
from unipose.inference.detectors.onnx_formats import (
    cells,
    feed_rtdetr,
    feed_transformers,
    feed_yolox,
    fitted,
    read_raw_yolox,
    read_rtdetr,
    read_transformers,
    read_yolox,
)

WIDE, TALL = (200, 100), (130, 300)


@pytest.mark.parametrize(("size", "inside"), [(WIDE, (64, 32)), (TALL, (55, 128)), ((20, 2000), (1, 128))])
def test_yolox_sees_the_image_in_the_top_left_of_grey(size, inside):
    image = ramp_image(size)
    [pixels] = feed_yolox(image, INPUT_WH)["images"]
    assert pixels.dtype == np.float32 and pixels.shape == (3, 128, 64)
    width, height = fitted(size, INPUT_WH)
    assert (width, height) == inside
    blue, green, red = pixels[:, :height, :width]
    assert (blue == 255).all()
    assert np.abs(red - 255 * (np.arange(width) + 0.5) / width).max() <= max(2, 255 / size[0])
    assert np.abs(green - 255 * (np.arange(height)[:, None] + 0.5) / height).max() <= 2
    pixels[:, :height, :width] = 114
    assert (pixels == 114).all()


@pytest.mark.parametrize("feed", [feed_rtdetr, feed_transformers])
def test_rtdetr_sees_the_whole_image_stretched(feed):
    inputs = feed(ramp_image(WIDE), INPUT_WH)
    [red, green, blue] = inputs.get("images", inputs.get("pixel_values"))[0]
    assert red.dtype == np.float32 and red.shape == (128, 64)
    assert (blue == 1).all()
    assert np.abs(red - (np.arange(64) + 0.5) / 64).max() < 0.01
    assert np.abs(green - (np.arange(128)[:, None] + 0.5) / 128).max() < 0.01
    if feed is feed_rtdetr:
        assert inputs["orig_target_sizes"].dtype == np.int64 and inputs["orig_target_sizes"].tolist() == [[200, 100]]


def test_cells_go_level_by_level_and_row_by_row():
    xy, stride = cells(INPUT_WH)
    assert len(xy) == len(stride) == CELLS
    rows = [0, 1, 8, 127, 128, 142, 159, 160, 167]  # columns are 8, 4 and 2, rows 16, 8 and 4
    assert xy[rows].tolist() == [[0, 0], [1, 0], [0, 1], [7, 15], [0, 0], [2, 3], [3, 7], [0, 0], [1, 3]]
    assert stride[rows, 0].tolist() == [8, 8, 8, 8, 16, 16, 16, 32, 32]


def test_yolox_raw_and_decoded_say_the_same():
    raw = np.zeros((1, CELLS, 85), np.float32)
    raw[0, 142] = [0.25, -0.5, np.log(2), np.log(3), 0.8, *(0.5 * PERSON)]  # column 2, row 3, stride 16
    boxes, scores = read_raw_yolox({"output": raw}, (128, 208), INPUT_WH)
    assert boxes[142] == pytest.approx([40, 32, 104, 128])  # centre (36, 40), size (32, 48), twice as large
    assert scores[142] == pytest.approx(0.4) and raw[0, 142, 1] == np.float32(-0.5)
    decoded = yolox_rows(([20, 16, 52, 64], 0.8, 0.5 * PERSON))
    boxes, scores = read_yolox({"output": decoded}, (128, 208), INPUT_WH)
    assert boxes[0] == pytest.approx([40, 32, 104, 128]) and scores[0] == pytest.approx(0.4)


def test_yolox_scales_by_what_the_pixels_were_scaled():
    boxes, _ = read_yolox({"output": yolox_rows(([0, 0, 55, 128], 1, PERSON))}, TALL, INPUT_WH)  # 300 to 128, 130 to 55
    assert boxes[0] == pytest.approx([0, 0, 130, 300])


def test_yolox_gives_a_dog_no_score():
    assert read_yolox({"output": yolox_rows(([0, 0, 9, 9], 1, DOG))}, WIDE, INPUT_WH)[1].max() == 0


def test_rtdetr_gives_persons_edges_in_the_image():
    outputs = {
        "labels": np.array([[0, 16, 0]]),
        "boxes": np.float32([[[10, 20, 30, 50], [1, 2, 3, 4], [90, 5, 130, 70]]]),
        "scores": np.float32([[0.25, 0.75, 0.5]]),
    }
    boxes, scores = read_rtdetr(outputs, WIDE, INPUT_WH)
    assert boxes.tolist() == [[10, 20, 30, 50], [90, 5, 130, 70]] and scores.tolist() == [0.25, 0.5]


def test_transformers_gives_logits_and_fractions():
    logits = np.float32([[3 * PERSON - 1, 5 * DOG - 900]])
    outputs = {"logits": logits, "pred_boxes": np.float32([[[0.5, 0.25, 0.125, 0.5], [0.5, 0.5, 1, 1]]])}
    boxes, scores = read_transformers(outputs, WIDE, INPUT_WH)
    assert boxes.tolist() == [[87.5, 0, 112.5, 50], [0, 0, 200, 100]]
    assert scores == pytest.approx([1 / (1 + np.exp(-2)), 0])
