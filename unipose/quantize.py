"""`unipose quantize MODEL.onnx OUT.onnx --images SET.json`: 8-bit weights and activations, for CPUs."""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from unipose.cli import exit_status
from unipose.core import box_maps, heatmap
from unipose.core.arguments import Parser
from unipose.core.files import is_model_file, refuse_overwrite, write_atomically
from unipose.core.image import normalise, read_image
from unipose.core.model_spec import METADATA_KEY
from unipose.core.picture import Picture
from unipose.core.ranges import within
from unipose.core.types import Float32, Float64, Int64
from unipose.datasets.records import Record, read_records
from unipose.inference.detectors.finder import Finder
from unipose.inference.predictor import Predictor
from unipose.pipelines.options import add_force
from unipose.runtime.engines import OnnxRuntime, installed, open_runtime
from unipose.runtime.onnx_graph import join, split
from unipose.runtime.runtime import Runtime

WORST = 0.5  # heatmap cells by which the median keypoint, or edge of a box, may move
CLEAR_SCORE = 0.4  # the score of a person whom both models should find


def main(argv: list[str] | None = None) -> int:
    parser = Parser(prog="unipose quantize", description=__doc__)
    parser.add_argument("model", type=Path, help="an .onnx file, as `unipose export` writes it")
    parser.add_argument("out", type=Path, help="the .onnx file to write")
    parser.add_argument(
        "--images", type=Path, required=True, help="a COCO-keypoint JSON to calibrate on: training data"
    )
    parser.add_argument("--count", type=int, default=256, help="of its people, drawn at random (default 256)")
    add_force(parser)
    arguments = parser.parse_args(argv)
    return exit_status(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> None:
    model, out, images, count = arguments.model, arguments.out, arguments.images, arguments.count
    record_set = read_records(images)
    refuse_overwrite([out], [model, *record_set.files], is_model_file, arguments.force)
    print("\n".join(quantize(model, out, record_set.records, count)))
    print(f"{out}: {out.stat().st_size / 2**20:.1f} MB")


def quantize(model: Path, out: Path, records: Sequence[Record], count: int) -> list[str]:
    """Write the model with 8-bit convolutions -> a line for each engine that compares it with the original.

    The first convolution, which OpenVINO computes wrongly in 8 bits, the last one and what follows it, with the decoder
    of keypoints, stay as they are. Of the people, 2 `count` are drawn: half give the ranges of activations, half tell
    how far keypoints move on each engine installed here. Raises ValueError, and writes nothing, if the median is more
    than WORST cells.
    """
    within("--count", count, 1)
    if len(records) < 2 * count:
        raise ValueError(
            f"needs {2 * count} people, half of them to compare on; there are {len(records)}: lower --count"
        )
    full = OnnxRuntime(model)
    chosen = np.random.default_rng(0).permutation(len(records))[: 2 * count]

    def inputs(part: Int64) -> Iterator[Float32]:
        for record in (records[i] for i in part):
            yield prepared(full, record)[None]

    with tempfile.TemporaryDirectory() as folder:
        bare, simplified, part = (Path(folder) / f"{name}.onnx" for name in ("bare", "simplified", "int8"))
        network, decoder = split(onnx.load(model))
        onnx.save(network, bare)
        quant_pre_process(bare, simplified)
        graph = onnx.load(simplified).graph
        nodes = graph.node
        convolutions = [i for i, node in enumerate(nodes) if node.op_type == "Conv"]
        first, last = convolutions[0], convolutions[-1]
        quantize_static(
            simplified, part, Reader(graph.input[0].name, inputs(chosen[:count])), quant_format=QuantFormat.QDQ,
            per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
            nodes_to_exclude=[node.name for node in [nodes[first], *nodes[last:]]],
        )  # fmt: skip
        small = onnx.load(part)
        provenance = {**full.spec.provenance, "int8": f"static, calibrated on {count} people"}
        spec = replace(full.spec, name=f"{full.spec.name}-int8", provenance=provenance)
        onnx.helper.set_model_props(small, {METADATA_KEY: spec.to_json()})
        onnx.save(join(small, decoder) if decoder else small, part)
        held_out, lines = np.concatenate(list(inputs(chosen[count:]))), []
        distances, moving = DISTANCES[full.spec.kind]
        for engine in installed(part):
            moved = distances(full, open_runtime(part, engine), held_out)
            text = f"{engine}: {moving} move by {np.median(moved):.2f} heatmap cells in the median, 95 % by less than "
            lines.append(text + f"{np.quantile(moved, 0.95):.2f}")
            if not np.median(moved) <= WORST:
                raise ValueError(f"{lines[-1]}: {out} is not written")
        write_atomically(out, part.read_bytes())
    return lines


def prepared(runtime: Runtime, record: Record) -> Float32:
    """A record as the model's input (3, H, W): its person for a pose model, its whole image for a finder."""
    image = read_image(record.image_path)
    if runtime.spec.kind == "finder":
        return Finder(runtime).prepare(image)
    [crop], _ = Predictor(runtime).crop(Picture(image), record.box_xyxy[None], runtime.spec.margin)
    return normalise(crop, runtime.spec.mean, runtime.spec.std)


def box_distances(full: Runtime, small: Runtime, batch: Float32) -> Float64:
    """Cells from each box that scores `CLEAR_SCORE` to the nearest of the other runtime, (N,): by the farthest edge."""
    found = [[box_maps.decode(maps, CLEAR_SCORE / 2)[:2] for maps in runtime.run(batch)] for runtime in (full, small)]
    return np.array(
        [
            np.abs(others - box).max(axis=1).min(initial=np.inf)
            for (boxes, scores), (others, _) in zip(*found, strict=True)
            for box in boxes[scores >= CLEAR_SCORE]
        ]
    )


def keypoint_distances(full: Runtime, small: Runtime, batch: Float32) -> Float64:
    """Heatmap cells between the keypoints of two runtimes, (N K,)."""
    xy = [heatmap.decode(runtime.run(batch), sigma=full.spec.sigma)[0] for runtime in (full, small)]
    cells: Float64 = np.linalg.norm(xy[0] - xy[1], axis=-1).ravel()
    return cells


DISTANCES: dict[str, tuple[Callable[[Runtime, Runtime, Float32], Float64], str]] = {
    "pose": (keypoint_distances, "keypoints"),
    "finder": (box_distances, "boxes"),
}


class Reader(CalibrationDataReader):  # type: ignore[misc]
    """Inputs (1, 3, H, W) for ONNX Runtime's calibration, one at a time."""

    def __init__(self, name: str, inputs: Iterator[Float32]):
        self._name, self._inputs = name, inputs

    def get_next(self) -> dict[str, Float32] | None:
        batch = next(self._inputs, None)
        return None if batch is None else {self._name: batch}


if __name__ == "__main__":
    raise SystemExit(main())
