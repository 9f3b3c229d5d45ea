import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unipose.core import heatmap
from unipose.modeling.keypoint_decoder import DECODERS, KeypointDecoder

STRIDE = 4  # pixels of the input in a cell


def both(maps, decoder, sigma):
    """What numpy and the module read off maps (n, K, h, w)."""
    height, width = maps.shape[2:]
    with torch.inference_mode():
        xy, peak = KeypointDecoder(decoder, (width, height), sigma)(torch.from_numpy(maps))
    return heatmap.decode(maps, decoder, sigma), heatmap.Peaks(xy.numpy(), peak.numpy())


def test_every_decoder_is_there():
    assert DECODERS.keys() == heatmap.DECODERS.keys()


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("size_wh", [(17, 24), (48, 40), (2, 3), (5, 2)])
@given(data=st.data())
def test_gaussians_anywhere_on_noise_are_read_as_numpy_reads_them(decoder, size_wh, data):
    sigma = data.draw(st.sampled_from([1.0, 1.5, 2.0, 3.0]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    xy = rng.uniform(-2, np.add(size_wh, 1), (6, 2))
    maps = heatmap.gaussians(xy, np.ones(6, bool), size_wh, sigma)
    maps += rng.uniform(0, data.draw(st.sampled_from([0, 0.02])), maps.shape).astype(np.float32)
    numpy, module = both(maps.reshape(2, 3, *size_wh[::-1]), decoder, sigma)
    assert np.abs(module.xy_heatmap - numpy.xy_heatmap).max() * STRIDE < 1e-3
    assert np.array_equal(module.peak, numpy.peak)


@pytest.mark.parametrize("decoder", DECODERS)
@given(maps=arrays(np.float32, (1, 2, 4, 6), elements=st.sampled_from([-1, 0, 1e-30, 0.25, 1])))
def test_flat_and_jagged_maps_have_the_same_first_highest_cell(decoder, maps):
    numpy, module = both(maps, decoder, 2.0)
    assert np.abs(module.xy_heatmap - numpy.xy_heatmap).max() < 1e-3
    assert np.array_equal(module.peak, numpy.peak)


def test_no_number_stays_seen():
    numpy, module = both(np.full((1, 1, 5, 7), np.nan, np.float32), "dark", 2.0)
    assert np.isnan(numpy.peak).all() and np.isnan(module.peak).all()
