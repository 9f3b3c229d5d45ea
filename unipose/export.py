"""`unipose export MODEL.safetensors OUT.onnx`: ONNX with its spec inside, compared with PyTorch before writing."""

import tempfile
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from unipose.cli import exit_status
from unipose.core.arguments import Parser
from unipose.core.extras import EXTRAS
from unipose.core.files import is_model_file, refuse_overwrite, write_atomically
from unipose.core.model_spec import METADATA_KEY, ModelSpec
from unipose.modeling.checkpoint import load_model
from unipose.pipelines.options import add_force
from unipose.runtime.engines import Torch, open_runtime
from unipose.runtime.runtime import Runtime, no_state

TOLERANCE = 2e-4  # of maps whose peaks are near 1: float32 sums in another order differ by less
BATCHES = (1, 5)
STEPS = 4  # frames that a recurrent network is compared over


def main(argv: list[str] | None = None) -> int:
    parser = Parser(prog="unipose export", description=__doc__)
    parser.add_argument("model", type=Path, help="a .safetensors file, as `unipose train` writes it")
    parser.add_argument("out", type=Path, help="the .onnx file to write")
    add_force(parser)
    arguments = parser.parse_args(argv)
    return exit_status(lambda: _run(arguments.model, arguments.out, arguments.force))


def _run(model: Path, out: Path, force: bool) -> None:
    if out.suffix != ".onnx":
        raise ValueError(f"the output must end in .onnx, got {out}")
    refuse_overwrite([out], [model], is_model_file, force)
    print("\n".join(export(*load_model(model), out)))
    print(f"{out}: {out.stat().st_size / 2**20:.1f} MB")


def export(module: nn.Module, spec: ModelSpec, out: Path) -> list[str]:
    """Write a deployed module as ONNX for any batch size -> a line for each comparison.

    A recurrent network has its state as second input and output. Every engine installed here runs random inputs at
    several batch sizes, a recurrent network several frames, each on its own states. If one differs from PyTorch by more
    than TOLERANCE, raises ValueError and writes nothing.
    """
    model = to_onnx(module, spec)
    reference = Torch.of_module(module, spec)
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / out.name
        onnx.save(model, part)
        lines = []
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


def to_onnx(module: nn.Module, spec: ModelSpec) -> onnx.ModelProto:
    """A deployed module as ONNX with its spec. It is traced with a batch of 2: of 1, the batch would be a constant."""
    width, height = spec.input_wh
    inputs = {"images": torch.zeros(2, 3, height, width)}
    outputs = ["heatmaps"]
    if spec.state_channels:
        inputs["state"] = torch.from_numpy(no_state(spec, 2))
        outputs.append("next_state")
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", (DeprecationWarning, FutureWarning))  # the exporter's, about itself
        warnings.filterwarnings("ignore", "# The axis name: batch")  # both inputs share it, on purpose
        program = torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=outputs,
            dynamic_shapes=({0: batch},) * len(inputs),
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # with dynamo there always is one
    model: onnx.ModelProto = program.model_proto
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.initializer, *model.graph.output):
        del part.metadata_props[:]  # stack traces with this machine's paths
    del model.graph.metadata_props[:]
    onnx.helper.set_model_props(model, {METADATA_KEY: spec.to_json()})
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
