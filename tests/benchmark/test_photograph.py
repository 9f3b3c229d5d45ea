import numpy as np
import pytest

from unipose.benchmark.photograph import PARTS, photograph_calls
from unipose.core.boxes import Detections
from unipose.core.image import encode_image
from unipose.datasets.synthetic.images import draw_image
from unipose.runtime.engines import OnnxRuntime
from unipose.weights import named_model

FILE = encode_image(draw_image(np.random.default_rng(3), (320, 200))[0])


@pytest.mark.parametrize("people", [1, 3, 10])
def test_so_many_people_are_found_and_posed(monkeypatch, people):
    """Whatever the finder thinks of them: each part runs the finder as said, and the pose model on as many crops."""
    runs = []
    fetch = OnnxRuntime._fetch
    monkeypatch.setattr(
        OnnxRuntime, "_fetch", lambda self, names, batch: runs.append(batch.shape) or fetch(self, names, batch)
    )
    calls = photograph_calls(named_model("int8"), FILE, people)
    finder, poses = (1, 3, 320, 320), (people, 3, 192, 192)
    expectations = [finder, poses], [finder], [poses], [], [finder, poses]
    for part, expected in zip(PARTS, expectations, strict=True):
        runs.clear()
        found = calls[part]()
        assert runs == expected, part
        if isinstance(found, Detections):
            assert len(found) == people


@pytest.mark.parametrize(("people", "message"), [(0, "1 person or more, got 0"), (101, "too few for 101 people")])
def test_impossible_numbers_are_refused(people, message):
    with pytest.raises(ValueError, match=message):
        photograph_calls(named_model("int8"), FILE, people)
