import numpy as np

from tests.support.ramps import RampReader, ramp_image
from unipose.core import heatmap
from unipose.core.geometry import Affine
from unipose.core.image import normalise, warp
from unipose.runtime.runtime import no_state


def crops(spec):
    boxes = ([90, 20, 290, 200], [60, 10, 250, 210], [0, 0, 310, 230])
    image = ramp_image((310, 230))
    return np.stack([warp(image, Affine.fit(box, spec.input_wh, 1.1), spec.input_wh) for box in boxes])


def test_keypoints_are_those_of_the_maps(ramp_reader, spec):
    seen = crops(spec)
    for decoder in heatmap.DECODERS:
        expected = heatmap.decode(ramp_reader.run(normalise(seen, spec.mean, spec.std)), decoder, spec.sigma)
        found = ramp_reader.find(seen, decoder)
        later, state = ramp_reader.find_next(seen, no_state(spec, 3), decoder)
        for peaks in (found, later):
            np.testing.assert_array_equal(peaks.xy_heatmap, expected.xy_heatmap)
            np.testing.assert_array_equal(peaks.peak, expected.peak)
        assert state.shape == (3, 0, 24, 16)


def test_the_flip_test_reads_the_mean_of_both_maps(spec):
    """The mirrored crops come after the others, in the same run."""

    class Half(RampReader):
        def run(self, batch):
            maps = super().run(batch)
            maps[len(batch) // 2 :] = 0
            return maps

    reader = Half(spec)
    found, whole = reader.find(crops(spec), flip=True), RampReader(spec).find(crops(spec))
    assert reader.batches == [6]
    np.testing.assert_allclose(found.peak, whole.peak / 2, rtol=1e-6)
    np.testing.assert_allclose(found.xy_heatmap, whole.xy_heatmap, atol=1e-3)
