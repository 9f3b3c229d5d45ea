import numpy as np
import pytest

from unipose.core.box_maps import MAPS
from unipose.core.model_spec import ModelSpec
from unipose.inference.detectors.finder import Finder, open_finder
from unipose.weights import default_weights

SPEC = ModelSpec(
    name="red", version="1", skeleton=MAPS, input_wh=(96, 64), stride=8, sigma=1.0, margin=1.0,
    mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), kind="finder",
)  # fmt: skip


class RedFinder:
    """A runtime that finds whatever is red: map 0 where a red rectangle is centred, maps 1 to 4 its edges."""

    engine, copies, spec = "red", 1, SPEC

    def run(self, batch):
        maps = np.full((len(batch), 5, 8, 12), -9.0, np.float32)
        for image, one in zip(batch, maps, strict=True):
            rows, columns = np.nonzero((image[0] > 0.5) & (image[1] < 0.5))
            if len(rows):
                edges = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) / 8
                x, y = int((edges[0] + edges[2]) / 2), int((edges[1] + edges[3]) / 2)
                one[0, y, x] = 3.0
                one[1:, y, x] = np.log([x + 0.5 - edges[0], y + 0.5 - edges[1], edges[2] - x - 0.5, edges[3] - y - 0.5])
        return maps


@pytest.mark.parametrize("size_wh", [(96, 64), (310, 230), (120, 300), (40, 30)])
def test_boxes_come_back_in_the_images_pixels(size_wh):
    width, height = size_wh
    image = np.zeros((height, width, 3), np.uint8)
    box = np.round([0.2 * width, 0.3 * height, 0.55 * width, 0.9 * height]).astype(int)
    image[box[1] : box[3], box[0] : box[2], 0] = 255
    found = Finder(RedFinder()).detect(image)
    assert found.scores == pytest.approx([1 / (1 + np.exp(-3))])
    cell = np.divide(size_wh, (96, 64)).max()  # a pixel of the input
    assert np.abs(found.boxes_xyxy[0] - box).max() <= 1.01 * max(cell, 1)


def test_nobody_is_an_empty_list_and_the_threshold_counts():
    empty = Finder(RedFinder()).detect(np.zeros((30, 50, 3), np.uint8))
    assert empty.boxes_xyxy.shape == (0, 4) and len(empty.scores) == 0
    red = np.zeros((30, 50, 3), np.uint8)
    red[5:20, 8:40, 0] = 255
    assert len(Finder(RedFinder(), threshold=0.96).detect(red)) == 0


@pytest.mark.parametrize(("form", "coarse"), [(".safetensors", True), (".onnx", False)])
def test_the_precision_is_that_of_pytorch(form, coarse):
    """An ONNX file is run as it is."""
    image = np.random.default_rng(0).integers(0, 256, (320, 320, 3), np.uint8)
    weights = default_weights().with_name(f"finder-s{form}")
    finders = [open_finder(weights, 0.1, precision=precision) for precision in ("fp32", "bf16")]
    exact, other = (finder.runtime.run(finder.prepare(image)[None]) for finder in finders)
    assert (np.abs(exact - other).max() > 1e-4) == coarse


def test_a_pose_model_is_no_finder(ramp_reader):
    with pytest.raises(ValueError, match="ramp is a pose model, not a finder"):
        Finder(ramp_reader)
