"""ONNX detectors in the supported formats with known outputs: some return constants, some find the red pixels."""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper, parser

INPUT_WH = (64, 128)
CELLS = 16 * 8 + 8 * 4 + 4 * 2  # of YOLOX at strides 8, 16 and 32
PERSON, DOG = np.eye(80, dtype=np.float32)[[0, 16]]
INPUTS = {
    "yolox": "float[1, 3, 128, 64] images",
    "yolox_raw": "float[1, 3, 128, 64] images",
    "rtdetr": "float[N, 3, 128, 64] images, int64[N, 2] orig_target_sizes",
    "transformers": "float[N, C, 128, 64] pixel_values",
}
# The edges of the red rectangle in the input, each (1, 1), and from these its centre and size.
FIND_RED = """
  plane = Gather <axis = 1> (PIXELS, red)  seen = Greater (plane, least)  mask = Cast <to = 1> (seen)
  columns = ReduceMax <axes = [1, 2], keepdims = 0> (mask)  rows = ReduceMax <axes = [1, 3], keepdims = 0> (mask)
  l = ArgMax <axis = 1> (columns)  r = ArgMax <axis = 1, select_last_index = 1> (columns)
  t = ArgMax <axis = 1> (rows)  b = ArgMax <axis = 1, select_last_index = 1> (rows)
  corner_int = Concat <axis = 1> (l, t)  corner = Cast <to = 1> (corner_int)
  last_int = Concat <axis = 1> (r, b)  last = Cast <to = 1> (last_int)  end = Add (last, one)
  sum = Add (corner, end)  centre = Div (sum, two)  size = Sub (end, corner)
"""
# Each format's outputs, computed from them. In YOLOX's they are those of the first cell, in the corner, at stride 8.
ANSWERS = {
    "yolox": """logarithm = Log (size)  width_height = Exp (logarithm)
        row = Concat <axis = 1> (centre, width_height, rest)  flat = Pad (row, pads)  output = Reshape (flat, shape)""",
    "yolox_raw": """place = Div (centre, eight)  strides = Div (size, eight)  logarithm = Log (strides)
        row = Concat <axis = 1> (place, logarithm, rest)  flat = Pad (row, pads)  output = Reshape (flat, shape)""",
    "rtdetr": """fractions_begin = Div (corner, input_wh)  fractions_end = Div (end, input_wh)
        wh = Cast <to = 1> (orig_target_sizes)
        begin = Mul (fractions_begin, wh)  finish = Mul (fractions_end, wh)  edges = Concat <axis = 1> (begin, finish)
        boxes = Unsqueeze (edges, first)  labels = Identity (zero_label)  scores = Identity (sure)""",
    "transformers": """centres = Div (centre, input_wh)  sizes = Div (size, input_wh)
        both = Concat <axis = 1> (centres, sizes)
        pred_boxes = Unsqueeze (both, first)  logits = Identity (person_logits)""",
}
OUTPUTS = {
    "yolox": "float[1, 168, 85] output",
    "yolox_raw": "float[1, 168, 85] output",
    "rtdetr": "int64[M, Q] labels, float[M, Q, 4] boxes, float[M, Q] scores",
    "transformers": "float[M, Q, K] logits, float[M, Q, D] pred_boxes",
}
CONSTANTS = {
    "one": np.float32(1), "two": np.float32(2), "eight": np.float32(8), "input_wh": np.float32([INPUT_WH]),
    "rest": np.concatenate([[0.9], PERSON])[None].astype(np.float32), "pads": np.array([0, 0, CELLS - 1, 0]),
    "shape": np.array([1, CELLS, 85]), "first": np.array([0]), "zero_label": np.array([[0]]),
    "sure": np.float32([[0.9]]), "person_logits": (6 * PERSON - 3)[None, None],
}  # fmt: skip


def save(path: Path, inputs: str, outputs: str, body: str, constants: dict[str, np.ndarray]) -> str:
    """Write a graph, given in ONNX's text syntax, with the constants it uses -> the path."""
    text = f'<ir_version: 8, opset_import: ["": 17]> detector ({inputs}) => ({outputs}) {{ {body} }}'
    model = parser.parse_model(text)
    used = {name for node in model.graph.node for name in node.input}
    model.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items() if name in used
    )
    onnx.save(model, path)
    return str(path)


def red_finder(path: Path, layout: str) -> str:
    """A file that finds the rectangle with red above 147.5, midway between 40 and 255, given the format's order of
    channels and scale of pixels.
    """
    channel, least = (2, 147.5) if layout.startswith("yolox") else (0, 147.5 / 255)
    body = FIND_RED.replace("PIXELS", INPUTS[layout].split()[-1] if layout != "rtdetr" else "images") + ANSWERS[layout]
    constants = CONSTANTS | {"red": np.array([channel]), "least": np.float32(least)}
    return save(path, INPUTS[layout], OUTPUTS[layout], body, constants)


def constant(path: Path, inputs: str, exp: bool = False, **outputs: np.ndarray) -> str:
    """A file with these outputs for every image. `exp`: its graph has an Exp operator."""
    kinds = {"float32": "float", "int64": "int64"}
    described = ", ".join(f"{kinds[str(v.dtype)]}{list(v.shape)} {name}" for name, v in outputs.items())
    body = "".join(f"{name} = Identity (value_{name})  " for name in outputs)
    if exp:
        body += f"unused = Exp (value_{next(iter(outputs))})"
    return save(path, inputs, described, body, {f"value_{name}": value for name, value in outputs.items()})


def yolox_rows(*rows: tuple[list[float], float, np.ndarray]) -> np.ndarray:
    """Decoded YOLOX output (1, CELLS, 85) from rows (edges in the input, objectness, class scores)."""
    output = np.zeros((1, CELLS, 85), np.float32)
    for row, (edges, objectness, classes) in zip(output[0], rows, strict=False):
        begin, end = np.array(edges[:2]), np.array(edges[2:])
        row[:] = [*(begin + end) / 2, *(end - begin), objectness, *classes]
    return output
