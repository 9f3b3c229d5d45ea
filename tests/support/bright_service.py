"""A separate service process on loopback, with a generated model that finds the brightest spot of a photo."""

import io
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from unipose.core.model_spec import METADATA_KEY, ModelSpec
from unipose.core.skeleton import SKELETONS

SIZE, SPOT, RADIUS = (200, 150), (121.0, 48.5), 9.0
WHOLE = ("--detector", "whole")  # for this model: nobody is found beside a bright spot


def write_model(path):
    """An ONNX file that finds every joint at the brightest spot: average pooling over the stride, scaled to 0..1."""
    spec = ModelSpec("bright", "7", SKELETONS["lsp14"], (64, 96), 4, 1.5, 1.25, (0.5,) * 3, (0.5,) * 3)
    weight = numpy_helper.from_array(np.full((14, 3, 1, 1), 1 / 6, np.float32), "weight")
    bias = numpy_helper.from_array(np.full(14, 0.5, np.float32), "bias")
    nodes = [
        helper.make_node("AveragePool", ["input"], ["cells"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Conv", ["cells", "weight", "bias"], ["maps"]),
    ]
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, 96, 64])
    maps = helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["batch", 14, 24, 16])
    graph = helper.make_graph(nodes, "bright", [image], [maps], [weight, bias])
    file = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(file, {METADATA_KEY: spec.to_json()})
    onnx.save(file, path)


def spot(size_wh, xy):
    """A dark grey image (H, W) with one bright spot."""
    x, y = np.arange(size_wh[0]) - xy[0], np.arange(size_wh[1])[:, None] - xy[1]
    return np.round(255 * np.exp(-(x**2 + y**2) / (2 * RADIUS**2))).astype(np.uint8)


def photo():
    file = io.BytesIO()
    Image.fromarray(spot(SIZE, SPOT)).save(file, "PNG")
    return file.getvalue()


def start(model, *options):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UNIPOSE_")}
    command = [sys.executable, "-m", "serve", "--model", str(model), "--threads", "1", *options]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@contextmanager
def running(model, *options):
    """A process that listens, and its port. Asserts at the end that it stops with status 0 and logged no traceback."""
    with start(model, "--port", "0", *options) as process:
        try:
            announcement = process.stdout.readline() + process.stdout.readline()
            match = re.search(r"curl -F image=@photo.jpg (http://127.0.0.1:(\d+)/pose)\n$", announcement)
            assert match, announcement + process.stderr.read()
            yield process, int(match[2])
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=8)
        finally:
            process.kill()
    assert process.returncode == 0, errors
    assert "Traceback" not in errors, errors
