from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.support.networks import SMALL_LSTM_NETWORK, SMALL_NETWORK
from unipose.core.heatmap import DECODERS
from unipose.modeling.checkpoint import build_network, save_model
from unipose.runtime.engines import open_runtime
from unipose.runtime.runtime import MapReader, no_state
from unipose.runtime.torch_engine import Torch
from unipose.weights import default_weights


@pytest.fixture(scope="module")
def seen(request):
    """Crops of a drawn figure, in the default model's size."""
    from unipose.core.geometry import Affine
    from unipose.core.image import warp
    from unipose.datasets.synthetic.images import draw_image

    drawing = draw_image(np.random.default_rng((0, 18)), (384, 480))
    boxes = [drawing.boxes_xyxy[0] + shift for shift in ([0, 0, 0, 0], [-30, 5, 20, 10], [12, -40, 9, 60])]
    return np.stack([warp(drawing.image, Affine.fit(box, (192, 192), 1.25), (192, 192)) for box in boxes])


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("decoder", DECODERS)
def test_the_way_on_the_device_is_the_numpy_way(seen, decoder, flip):
    runtime = open_runtime(default_weights(), threads=1)
    found, expected = runtime.find(seen, decoder, flip), MapReader.find(runtime, seen, decoder, flip)
    assert np.abs(found.xy_heatmap - expected.xy_heatmap).max() * runtime.spec.stride < 1e-3
    np.testing.assert_allclose(found.peak, expected.peak, atol=1e-5)


def test_bf16_moves_keypoints_by_little(seen):
    exact, coarse = (open_runtime(default_weights(), threads=1, precision=p).find(seen) for p in ("fp32", "bf16"))
    sure = exact.peak > 0.3
    apart = np.linalg.norm(exact.xy_heatmap - coarse.xy_heatmap, axis=-1)[sure]
    assert sure.mean() > 0.5 and np.median(apart) < 0.03 and not np.array_equal(exact.peak, coarse.peak)
    assert coarse.peak.dtype == coarse.xy_heatmap.dtype == np.float32


@pytest.mark.parametrize("network", [SMALL_NETWORK, SMALL_LSTM_NETWORK])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_with_and_without_a_state(spec, tmp_path, network, precision):
    torch.manual_seed(0)
    spec = replace(spec, network=network)
    save_model(tmp_path / "m.safetensors", build_network(spec).state_dict(), spec)
    runtime: Torch = open_runtime(tmp_path / "m.safetensors", threads=1, precision=precision)
    crops = np.random.default_rng(0).integers(0, 256, (3, 96, 64, 3), np.uint8)
    theirs = ours = no_state(spec, 3)
    for frame in (crops, 255 - crops):
        found, ours = runtime.find_next(frame, ours)
        expected, theirs = MapReader.find_next(runtime, frame, theirs)
        np.testing.assert_allclose(found.peak, expected.peak, rtol=1e-4 if precision == "fp32" else 0.05)
        np.testing.assert_allclose(ours, theirs, atol=1e-4 if precision == "fp32" else 0.05)
    first = runtime.find(crops)
    np.testing.assert_array_equal(first.peak, runtime.find_next(crops, no_state(spec, 3))[0].peak)
