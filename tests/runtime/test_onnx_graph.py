from copy import deepcopy
from functools import cache

import numpy as np
import onnx
import pytest

from unipose.core import heatmap
from unipose.core.geometry import Affine
from unipose.core.image import read_image, warp
from unipose.datasets.records import read_records
from unipose.runtime.engines import OnnxRuntime, open_runtime
from unipose.runtime.onnx_graph import HEATMAPS, PEAKS, join, split
from unipose.runtime.runtime import MapReader
from unipose.weights import named_model

FILES = ("fp32", "int8")


@cache
def loaded(name):
    return onnx.load(named_model(name))


@pytest.mark.parametrize("name", FILES)
def test_the_files_that_come_along_are_two_parts_joined(name):
    model = loaded(name)
    network, decoder = split(model)
    assert [output.name for output in network.graph.output] == [HEATMAPS]
    assert [item.name for item in decoder.graph.input] == [HEATMAPS]
    assert [output.name for output in decoder.graph.output] == list(PEAKS)
    for part in (model, network, decoder):
        onnx.checker.check_model(part, full_check=True)
    before = deepcopy((network, decoder))
    assert join(network, decoder) == model
    assert before == (network, decoder)
    assert split(network) == (network, None)


def seen(spec, sample):
    images, boxes = zip(
        *((read_image(r.image_path), r.box_xyxy) for r in read_records(sample / "test.json").records), strict=True
    )
    return np.stack(
        [warp(i, Affine.fit(b, spec.input_wh, spec.margin), spec.input_wh) for i, b in zip(images, boxes, strict=True)]
    )


@pytest.mark.parametrize("name", FILES)
def test_its_keypoints_are_those_that_numpy_reads_off_its_maps(name, sample):
    runtime = open_runtime(named_model(name))
    crops = seen(runtime.spec, sample)
    for count in (1, len(crops)):
        found, expected = runtime.find(crops[:count]), MapReader.find(runtime, crops[:count])
        assert np.abs(found.xy_heatmap - expected.xy_heatmap).max() * runtime.spec.stride < 1e-3
        assert np.array_equal(found.peak, expected.peak)


@pytest.mark.parametrize(("decoder", "flip", "read"), [("dark", False, 0), ("dark", True, 1), ("argmax", False, 1)])
def test_numpy_reads_what_the_file_does_not(monkeypatch, sample, decoder, flip, read):
    calls, decode = [], heatmap.decode
    monkeypatch.setattr(heatmap, "decode", lambda *arguments: calls.append(1) or decode(*arguments))
    runtime = OnnxRuntime(named_model("fp32"))
    runtime.find(seen(runtime.spec, sample)[:2], decoder, flip)
    assert len(calls) == read


def test_a_file_of_heatmaps_alone_works_through_numpy(tmp_path, sample):
    onnx.save(split(loaded("fp32"))[0], tmp_path / "older.onnx")
    new, old = open_runtime(named_model("fp32")), open_runtime(tmp_path / "older.onnx")
    crops = seen(new.spec, sample)[:3]
    assert np.abs(new.find(crops).xy_heatmap - old.find(crops).xy_heatmap).max() * new.spec.stride < 1e-3


def test_openvino_gives_the_same_keypoints(sample):
    ours, theirs = (open_runtime(named_model("fp32"), engine) for engine in ("onnxruntime", "openvino"))
    crops = seen(ours.spec, sample)[:3]
    assert len(theirs._model.outputs) == 1  # it would run the decoder even where nobody asks for keypoints
    sure = ours.find(crops).peak > 0.2
    assert np.abs(ours.find(crops).xy_heatmap - theirs.find(crops).xy_heatmap)[sure].max() < 0.01
