"""Engines: a model file as a Runtime, on ONNX Runtime, OpenVINO or PyTorch.

Each engine is an optional dependency, so it is imported where it is used.
"""

import queue
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from unipose.core.choice import choose
from unipose.core.extras import naming_extras
from unipose.core.files import require_file
from unipose.core.hardware import cores
from unipose.core.heatmap import Peaks
from unipose.core.model_spec import METADATA_KEY, ModelSpec, read_spec
from unipose.core.ranges import within
from unipose.core.types import RGB, Float32
from unipose.runtime.autoselect import fastest
from unipose.runtime.onnx_graph import DECODER_KEY, PEAKS
from unipose.runtime.onnx_session import metadata, open_session
from unipose.runtime.runtime import Engine, Runtime
from unipose.runtime.torch_engine import Torch as Torch


class OnnxRuntime(Engine):
    """An ONNX file on ONNX Runtime."""

    engine = "onnxruntime"
    copies = 2  # its threads wait for the slowest of them at every layer; a second call uses that time

    def __init__(self, path: str | Path, device: str = "cpu", threads: int = 0, precision: str = "auto"):
        """Raises what `open_session` raises, and ValueError for a file without a spec or a precision but fp32."""
        if precision not in ("auto", "fp32"):
            raise ValueError(f"ONNX Runtime runs a file as it is, not as {precision}; OpenVINO and PyTorch can")
        self._session = open_session(path, device, threads)
        self.spec = _spec(path, metadata(self._session))
        self._input_names = [item.name for item in self._session.get_inputs()]
        outputs = [item.name for item in self._session.get_outputs()]
        self._maps = [name for name in outputs if name not in PEAKS]
        self._decoder = metadata(self._session).get(DECODER_KEY)  # None: the file gives heatmaps alone

    def find(self, crops: RGB, decoder: str = "dark", flip: bool = False) -> Peaks:
        if flip or decoder != self._decoder or self.spec.state_channels:
            return super().find(crops, decoder, flip)
        return Peaks(*self._fetch(PEAKS, self._normalised(crops)))

    def find_next(self, crops: RGB, state: Float32, decoder: str = "dark") -> tuple[Peaks, Float32]:
        if decoder != self._decoder or not self.spec.state_channels:
            return super().find_next(crops, state, decoder)
        xy, peak, state = self._fetch((*PEAKS, self._maps[1]), self._normalised(crops), state)
        return Peaks(xy, peak), state

    def _infer(self, *inputs: Float32) -> list[Float32]:
        return self._fetch(self._maps, *inputs)

    def _fetch(self, names: Sequence[str], *inputs: Float32) -> list[Float32]:
        outputs: list[Float32] = self._session.run(list(names), dict(zip(self._input_names, inputs, strict=True)))
        return outputs


class OpenVino(Engine):
    """An ONNX file on OpenVINO."""

    engine = "openvino"
    copies = 1

    def __init__(self, path: str | Path, device: str = "cpu", threads: int = 0, precision: str = "auto"):
        import openvino

        self.spec = _spec(path, metadata(open_session(path)))  # OpenVINO does not give a file's metadata
        settings: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
            "INFERENCE_NUM_THREADS": threads or cores(),
        }
        # OpenVINO gives the compiling thread a signal stack, and frees it with the model: in a thread that lives on,
        # Python's next signal handler would run on freed memory.
        core = openvino.Core()
        with ThreadPoolExecutor(1) as compiler:
            compiled = compiler.submit(lambda: core.compile_model(_maps_alone(core, path), device.upper(), settings))
            try:
                self._model = compiled.result()
            except RuntimeError as error:
                here = ", ".join(core.available_devices).lower()
                raise ValueError(
                    f"OpenVINO cannot run {path} on device {device!r}; here are {here}: {error}"
                ) from error

    def _infer(self, *inputs: Float32) -> list[Float32]:
        request = self._model.create_infer_request()  # the model is thread-safe, a request is not
        results = request.infer(list(inputs))
        return [results[output] for output in self._model.outputs]


def _maps_alone(core: Any, path: str | Path) -> Any:
    """The model without a decoder, which OpenVINO would run whether it is asked for keypoints or not."""
    model = core.read_model(str(path))
    for output in [output for output in model.outputs if output.names & set(PEAKS)]:
        model.remove_result(output.node)
    return model


class DeviceCopies:
    """A Runtime of the same model on several devices: a call runs on one that is free, or waits for it."""

    def __init__(self, runtimes: Sequence[Runtime]):
        self.spec, self.engine = runtimes[0].spec, runtimes[0].engine
        self.copies, self.largest = sum(runtime.copies for runtime in runtimes), runtimes[0].largest
        self._free: queue.SimpleQueue[Runtime] = queue.SimpleQueue()
        for runtime in [r for turn in range(self.copies) for r in runtimes if turn < r.copies]:
            self._free.put(runtime)

    def run(self, batch: Float32) -> Float32:
        with self._borrow() as runtime:
            return runtime.run(batch)

    def step(self, batch: Float32, state: Float32) -> tuple[Float32, Float32]:
        with self._borrow() as runtime:
            return runtime.step(batch, state)

    def find(self, crops: RGB, decoder: str = "dark", flip: bool = False) -> Peaks:
        with self._borrow() as runtime:
            return runtime.find(crops, decoder, flip)

    def find_next(self, crops: RGB, state: Float32, decoder: str = "dark") -> tuple[Peaks, Float32]:
        with self._borrow() as runtime:
            return runtime.find_next(crops, state, decoder)

    @contextmanager
    def _borrow(self) -> Iterator[Runtime]:
        runtime = self._free.get()
        try:
            yield runtime
        finally:
            self._free.put(runtime)


def installed(path: Path) -> list[str]:
    """The engines that are installed and read files with this suffix."""
    return [name for name, suffix in _READS.items() if suffix == path.suffix and find_spec(name)]


def _fastest(path: Path, device: str, threads: int, precision: str) -> Runtime:
    """On the engine that runs an image fastest here, among those that are `installed`."""
    names = installed(path)
    if not names:
        raise ValueError(f"no engine that is installed reads {path.name}; engines read {_READS}")
    runtimes = {name: ENGINES[name](path, device, threads, precision) for name in names}
    width, height = runtimes[names[0]].spec.input_wh
    image = np.zeros((1, 3, height, width), np.float32)
    return runtimes[fastest({name: partial(runtime.run, image) for name, runtime in runtimes.items()})]


ENGINES: dict[str, Callable[..., Runtime]] = {
    "onnxruntime": OnnxRuntime,
    "openvino": OpenVino,
    "torch": Torch,
    "fastest": _fastest,
}
_READS = {"onnxruntime": ".onnx", "openvino": ".onnx", "torch": ".safetensors"}
_DEFAULT = {".onnx": "onnxruntime", ".safetensors": "torch"}
PRECISIONS = {
    "auto": "bf16 for PyTorch on a GPU, else fp32",
    "fp32": "exact, but for convolutions on a GPU, which are TF32",
    "bf16": "faster where the processor has units for it",
}


@naming_extras()
def open_runtime(
    path: str | Path, engine: str | None = None, device: str = "cpu", threads: int = 0, precision: str = "auto"
) -> Runtime:
    """Load a model file (.onnx or .safetensors) on an engine: a row of `ENGINES`, by default the one for its suffix.

    `device`: cpu or cuda; with several, as "cuda:0,cuda:1", each gets a copy of the model. `threads`: of one call on a
    CPU; 0 means one per core. `precision`: a row of `PRECISIONS`. Raises FileNotFoundError, and ValueError for an
    engine that does not exist or does not read such a file.
    """
    path = Path(path)
    require_file(path, "model file")
    if path.suffix not in _DEFAULT:
        raise ValueError(f"{path} is no model file by its name, which ends in {' or '.join(_DEFAULT)}")
    engine = _DEFAULT[path.suffix] if engine is None else engine
    choose(ENGINES, engine, "engine")
    if _READS.get(engine, path.suffix) != path.suffix:
        raise ValueError(f"{engine} reads {_READS[engine]} files, not {path.name}; `unipose export` converts")
    choose(PRECISIONS, precision, "precision")
    within("threads", threads, 0, whole=True)
    runtimes = [ENGINES[engine](path, name, threads, precision) for name in device.split(",")]
    return DeviceCopies(runtimes) if len(runtimes) > 1 else runtimes[0]


def _spec(path: str | Path, metadata: Mapping[str, str]) -> ModelSpec:
    if METADATA_KEY not in metadata:
        raise ValueError(f"{path} carries no UniPose spec; export it with `unipose export`")
    return read_spec(path, metadata)
