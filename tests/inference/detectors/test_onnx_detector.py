from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.support.onnx_files import INPUTS, PERSON, constant, red_finder, save, yolox_rows
from unipose.inference.detectors.onnx_detector import OnnxDetector

SIZE = (128, 208)  # twice the width of the files' input; 1.625 times its height
BOX = [40, 26, 118, 156]  # whose edges fall between pixels of the input, in each layout
LOGITS, BOXES = (6 * PERSON - 3)[None, None], np.full((1, 1, 4), 0.5, np.float32)


def red_image(box, size_wh=SIZE):
    """What is red in it is in the box; outside of it there is as little as in a grey of 40."""
    image = np.full((size_wh[1], size_wh[0], 3), 40, np.uint8)
    image[box[1] : box[3], box[0] : box[2], 0] = 255
    image.flags.writeable = False  # as images that were read are
    return image


@pytest.mark.parametrize("layout", INPUTS)
def test_what_is_red_is_found_where_it_is(tmp_path, layout):
    detector = OnnxDetector(red_finder(tmp_path / "a.onnx", layout))
    [box] = detector.detect(red_image(BOX)).boxes_xyxy
    assert box == pytest.approx(BOX, abs=1e-3)
    assert detector.refinement == "none"


@pytest.mark.parametrize("layout", INPUTS)
def test_threads_do_not_disturb_each_other(tmp_path, layout):
    detector = OnnxDetector(red_finder(tmp_path / "a.onnx", layout), threads=1)
    boxes = [[2 * i, 26, 2 * i + 40, 78 + 26 * (i % 3)] for i in range(12)]
    with ThreadPoolExecutor(4) as pool:
        for box, found in zip(boxes, pool.map(detector.detect, map(red_image, boxes)), strict=True):
            assert found.boxes_xyxy[0] == pytest.approx(box, abs=1e-3)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8])
def test_yolox_boxes_are_sure_apart_and_ordered(tmp_path, threshold):
    rows = yolox_rows(
        ([10, 10, 30, 60], 0.9, 0.5 * PERSON),  # 0.45
        ([34, 20, 60, 70], 0.9, 0.9 * PERSON),  # 0.81
        ([34, 21, 60, 70], 0.9, 0.8 * PERSON),  # nearly the same: suppressed
        ([-9, 70, 30, 120], 0.7, 0.9 * PERSON),  # 0.63, beyond the image's edges
    )
    file = constant(tmp_path / "a.onnx", INPUTS["yolox"], exp=True, output=rows)
    found = OnnxDetector(file, threshold).detect(red_image(BOX))
    expected = {0.81: [68, 40, 120, 140], 0.63: [0, 140, 60, 208], 0.45: [20, 20, 60, 120]}
    assert found.boxes_xyxy == pytest.approx(np.array([box for score, box in expected.items() if score >= threshold]))
    assert found.scores == pytest.approx([score for score in expected if score >= threshold], abs=1e-3)


def test_rtdetr_boxes_are_not_suppressed(tmp_path):
    boxes = np.float32([[[10, 10, 30, 60], [10, 10, 30, 61], [50, 0, 70, 60]]])
    scores, labels = np.float32([[0.6, 0.7, 0.9]]), np.array([[0, 0, 1]])
    file = constant(tmp_path / "a.onnx", INPUTS["rtdetr"], labels=labels, boxes=boxes, scores=scores)
    assert OnnxDetector(file).detect(red_image(BOX)).boxes_xyxy.tolist() == boxes[0, [1, 0]].tolist()


def test_an_input_of_open_size_is_640_square(tmp_path):
    body = """shape = Shape (pixel_values)  sizes = Cast <to = 1> (shape)  fractions = Div (sizes, most)
        flat = Gather (fractions, picked)  pred_boxes = Reshape (flat, place)  logits = Identity (person)"""
    constants = {
        "most": np.float32(1280), "picked": np.array([2, 3, 2, 3]), "place": np.array([1, 1, 4]), "person": LOGITS,
    }  # fmt: skip
    outputs = "float[batch, queries, 80] logits, float[batch, queries, 4] pred_boxes"
    file = save(tmp_path / "a.onnx", "float[batch, channels, height, width] pixel_values", outputs, body, constants)
    assert OnnxDetector(file).detect(red_image(BOX)).boxes_xyxy.tolist() == [[32, 52, 96, 156]]


PLAIN = "float[1, 3, 128, 64] "


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        (
            PLAIN + "data",
            {"output": yolox_rows()},
            r"inputs \{'data'.* is read: YOLOX, images -> output \(1, cells, 85",
        ),
        (PLAIN + "images", {"output0": yolox_rows()}, r"outputs \{'output0': \[1, 168, 85\]\}"),
        (
            PLAIN + "images",
            {"output": yolox_rows()[..., :84]},
            r"gives .*168, 84.* for 64 x 128 pixels, and not images",
        ),
        (PLAIN + "images", {"output": np.zeros((1, 504, 85), np.float32)}, "504, 85"),  # three anchors in each cell
        (PLAIN + "images", {"output": yolox_rows()[0]}, r"gives \{'output': \(168, 85\)\}"),
        (PLAIN + "pixel_values", {"logits": np.zeros((1, 1, 92), np.float32), "pred_boxes": BOXES}, "92"),  # DETR
        (
            PLAIN + "pixel_values",
            {"logits": LOGITS, "pred_boxes": np.repeat(BOXES, 2, axis=1)},
            r"\(1, 1, 80\), 'pred_boxes': \(1, 2, 4\)",
        ),
        ("float[4, 3, 128, 64] images", {"output": yolox_rows()}, r"shape \[4, 3, 128, 64\]; one image is \(1, 3, h"),
        ("float[1, 1, 128, 64] images", {"output": yolox_rows()}, "one image is"),
        ("float[1, 3, 128] images", {"output": yolox_rows()}, "one image is"),
        ("uint8[1, 3, 128, 64] images", {"output": yolox_rows()}, r"'tensor\(uint8\)'"),
    ],
)
def test_another_file_is_refused_by_what_it_has(tmp_path, inputs, outputs, message):
    with pytest.raises(ValueError, match=message):
        OnnxDetector(constant(tmp_path / "a.onnx", inputs, **outputs))


def test_a_file_that_does_not_run_is_refused(tmp_path):
    body = """row = Reshape (pixel_values, all)  few = Gather <axis = 1> (row, picked)
        pred_boxes = Reshape (few, place)  logits = Identity (person)"""
    constants = {
        "all": np.array([1, 3 * 320 * 320]), "picked": np.arange(4), "place": np.array([1, 1, 4]), "person": LOGITS,
    }  # fmt: skip
    outputs = "float[1, Q, 80] logits, float[1, Q, 4] pred_boxes"
    file = save(tmp_path / "a.onnx", "float[1, 3, H, W] pixel_values", outputs, body, constants)
    with pytest.raises(ValueError, match=r"does not run on 640 x 640 pixels: .*Reshape"):
        OnnxDetector(file)


def test_files_that_are_none_and_devices_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no detector file .*none\.onnx"):
        OnnxDetector(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"not a network")
    with pytest.raises(ValueError, match=r"bad\.onnx is not a sound ONNX file"):
        OnnxDetector(tmp_path / "bad.onnx")
    with pytest.raises(ValueError, match="no device 'tpu'"):
        OnnxDetector(red_finder(tmp_path / "a.onnx", "yolox"), device="tpu")
