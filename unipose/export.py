"""`unipose export MODEL.safetensors OUT.onnx`: ONNX with its spec inside, compared with PyTorch before writing.

The file gives heatmaps, and keypoints read off them. An .onnx file of heatmaps alone gets the keypoints too.
"""

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from unipose.cli import exit_status
from unipose.core import heatmap
from unipose.core.arguments import Parser
from unipose.core.extras import EXTRAS
from unipose.core.files import is_model_file, refuse_overwrite, write_atomically
from unipose.core.heatmap import Peaks
from unipose.core.model_spec import METADATA_KEY, ModelSpec
from unipose.modeling.checkpoint import load_model
from unipose.modeling.keypoint_decoder import KeypointDecoder
from unipose.pipelines.options import add_force
from unipose.runtime.engines import OnnxRuntime, open_runtime
from unipose.runtime.onnx_graph import DECODER_KEY, HEATMAPS, PEAKS, join, split
from unipose.runtime.onnx_session import open_session
from unipose.runtime.runtime import Runtime, no_state
from unipose.runtime.torch_engine import Torch

DECODER = "dark"  # the predictor's own
DECODED = 1e-3  # pixels of the input by which the keypoints may differ from numpy's
TOLERANCE = 2e-4  # of maps whose peaks are near 1: float32 sums in another order differ by less
BATCHES = (1, 5)
STEPS = 4  # frames that a recurrent network is compared over


def main(argv: list[str] | None = None) -> int:
    parser = Parser(prog="unipose export", description=__doc__)
    parser.add_argument(
        "model", type=Path, help="a .safetensors file, as `unipose train` writes it, or an older .onnx file"
    )
    parser.add_argument("out", type=Path, help="the .onnx file to write")
    add_force(parser)
    arguments = parser.parse_args(argv)
    return exit_status(lambda: _run(arguments.model, arguments.out, arguments.force))


def _run(model: Path, out: Path, force: bool) -> None:
    if out.suffix != ".onnx":
        raise ValueError(f"the output must end in .onnx, got {out}")
    refuse_overwrite([out], [model], is_model_file, force)
    print("\n".join(amend(model, out) if model.suffix == ".onnx" else export(*load_model(model), out)))
    print(f"{out}: {out.stat().st_size / 2**20:.1f} MB")


def export(module: nn.Module, spec: ModelSpec, out: Path) -> list[str]:
    """Write a deployed module as ONNX for any batch size -> a line for each comparison.

    A recurrent network has its state as second input and output. Every engine installed here runs random inputs at
    several batch sizes, a recurrent network several frames, each on its own states. If one differs from PyTorch by more
    than TOLERANCE, raises ValueError and writes nothing.
    """
    model, lines = with_decoder(to_onnx(module, spec), spec)
    reference = Torch.of_module(module, spec)
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / out.name
        onnx.save(model, part)
        for engine in ("onnxruntime", "openvino"):
            if find_spec(engine) is None:
                lines.append(f"{engine}: not installed, not compared; pip install 'unipose[{EXTRAS[engine]}]'")
                continue
            worst = difference(reference, open_runtime(part, engine))
            lines.append(f"{engine}: differs from PyTorch by at most {worst:.1e}")
            if not worst <= TOLERANCE:
                raise ValueError(f"{lines[-1]}, more than {TOLERANCE}: {out} is not written")
        write_atomically(out, part.read_bytes())
    return lines


def amend(path: Path, out: Path) -> list[str]:
    """Write an ONNX file of heatmaps with a decoder behind them -> a line that compares it. All else stays, to the bit.

    Raises ValueError for a file that has one, and for a finder, which has no keypoints.
    """
    spec = OnnxRuntime(path).spec
    model, lines = with_decoder(split(onnx.load(path))[0], spec)
    if not lines:
        raise ValueError(f"{path} is a {spec.kind}: it has no keypoints to read")
    write_atomically(out, model.SerializeToString())
    return lines


def with_decoder(model: onnx.ModelProto, spec: ModelSpec) -> tuple[onnx.ModelProto, list[str]]:
    """A network whose output is heatmaps -> one that also gives their keypoints, by DECODER; a finder as it is.

    And a line that compares them with numpy's. Raises ValueError if they differ by more than DECODED px.
    """
    if spec.kind != "pose":
        return model, []
    [opset] = [item.version for item in model.opset_import if not item.domain]
    decoder = decoder_model(spec, opset)
    if find_spec("onnxruntime") is None:
        return join(model, decoder), [f"keypoints: not compared; pip install 'unipose[{EXTRAS['onnxruntime']}]'"]
    worst = decoder_difference(decoder, spec)
    line = f"keypoints: differ from numpy's by at most {worst:.1e} px"
    if not worst <= DECODED:
        raise ValueError(f"{line}, more than {DECODED}: nothing is written")
    return join(model, decoder), [line]


def decoder_model(spec: ModelSpec, opset: int) -> onnx.ModelProto:
    """The spec's `KeypointDecoder` as ONNX: HEATMAPS -> PEAKS."""
    width, height = spec.heatmap_wh
    maps = torch.zeros(2, len(spec.skeleton.keypoints), height, width)
    decoder = _traced(KeypointDecoder(DECODER, spec.heatmap_wh, spec.sigma), {HEATMAPS: maps}, PEAKS, opset)
    onnx.helper.set_model_props(decoder, {DECODER_KEY: DECODER})
    return decoder


def decoder_difference(decoder: onnx.ModelProto, spec: ModelSpec) -> float:
    """Pixels of the input between the keypoints of Gaussians anywhere as ONNX Runtime and as numpy read them."""
    rng, found = np.random.default_rng(0), []
    count = len(spec.skeleton.keypoints)
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(decoder, Path(folder) / "decoder.onnx")
        session = open_session(Path(folder) / "decoder.onnx")
    for batch in BATCHES:
        xy = rng.uniform(-1, spec.heatmap_wh, (batch * count, 2))
        drawn = heatmap.gaussians(xy, np.ones(len(xy), bool), spec.heatmap_wh, spec.sigma)
        maps = drawn.reshape(batch, count, *drawn.shape[1:])
        theirs = Peaks(*session.run(PEAKS, {HEATMAPS: maps}))
        ours = heatmap.decode(maps, DECODER, spec.sigma)
        found += [
            spec.stride * np.abs(ours.xy_heatmap - theirs.xy_heatmap).max(),
            np.abs(ours.peak - theirs.peak).max(),
        ]
    return float(np.max(found))


def to_onnx(module: nn.Module, spec: ModelSpec) -> onnx.ModelProto:
    """A deployed module as ONNX with its spec."""
    width, height = spec.input_wh
    inputs: dict[str, Tensor] = {"images": torch.zeros(2, 3, height, width)}
    outputs = [HEATMAPS]
    if spec.state_channels:
        inputs["state"] = torch.from_numpy(no_state(spec, 2))
        outputs.append("next_state")
    model = _traced(module, inputs, outputs)
    onnx.helper.set_model_props(model, {METADATA_KEY: spec.to_json()})
    return model


def _traced(
    module: nn.Module, inputs: Mapping[str, Tensor], outputs: Sequence[str], opset: int | None = None
) -> onnx.ModelProto:
    """A module as ONNX for any batch size; the inputs are an example, of a batch of 2: of 1, it would be a constant."""
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", (DeprecationWarning, FutureWarning))  # the exporter's, about itself
        warnings.filterwarnings("ignore", "# The axis name: batch")  # both inputs share it, on purpose
        program = torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=({0: batch},) * len(inputs),
            dynamo=True,
            verbose=False,
            opset_version=opset,
        )
    assert program is not None  # with dynamo there always is one
    model: onnx.ModelProto = program.model_proto
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.initializer, *model.graph.output):
        del part.metadata_props[:]  # stack traces with this machine's paths
    del model.graph.metadata_props[:]
    return model


def difference(reference: Runtime, other: Runtime) -> float:
    """The largest difference between two runtimes' maps and states for random inputs, over all BATCHES."""
    rng = np.random.default_rng(0)
    spec, found = reference.spec, []
    width, height = spec.input_wh
    for batch in BATCHES:
        ours = theirs = no_state(spec, batch)
        for _ in range(STEPS if spec.state_channels else 1):
            inputs = rng.standard_normal((batch, 3, height, width), np.float32)
            expected, ours = reference.step(inputs, ours)
            maps, theirs = other.step(inputs, theirs)
            found += [np.abs(expected - maps).max(), np.abs(ours - theirs).max(initial=0)]
    return float(np.max(found))


if __name__ == "__main__":
    raise SystemExit(main())
