"""Runtime: (B, 3, H, W) float32 -> (B, K, h, w) float32, on ONNX Runtime, OpenVINO or PyTorch.

Engines are optional, so each is imported where it is used.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from unipose.spec import METADATA_KEY, ModelSpec

Float32 = NDArray[np.float32]


class Runtime(Protocol):
    """A loaded model. `run` may be called from several threads at once."""

    @property
    def spec(self) -> ModelSpec: ...

    @property
    def engine(self) -> str:
        """A row of `ENGINES`."""
        ...

    def run(self, batch: Float32) -> Float32:
        """(B, 3, H, W) prepared pixels -> (B, K, h, w) heatmaps, any B from 1 up."""
        ...


class OnnxRuntime:
    """An ONNX file on ONNX Runtime."""

    engine = "onnxruntime"

    def __init__(self, path: str | Path, device: str = "cpu", threads: int = 0):
        """`threads`: inside one call; 0 means one per core.

        Raises ValueError for a file without a spec, or a device that is not there.
        """
        import onnxruntime

        providers = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
        if providers.get(device) not in onnxruntime.get_available_providers():
            raise ValueError(f"ONNX Runtime has no device {device!r} here; use one of: {', '.join(providers)}")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or _cores()
        self._session = _session(path, options, providers[device])
        self.spec = _spec(path, self._session)
        self._input = self._session.get_inputs()[0].name

    def run(self, batch: Float32) -> Float32:
        maps: Float32 = self._session.run(None, {self._input: batch})[0]
        return maps


class OpenVino:
    """An ONNX file on OpenVINO."""

    engine = "openvino"

    def __init__(self, path: str | Path, device: str = "cpu", threads: int = 0, precision: str = "f32"):
        """`precision`: the hint for the arithmetic, f32 or bf16 (faster where the processor has it)."""
        import onnxruntime
        import openvino

        # OpenVINO's own reader does not show an ONNX file's metadata.
        self.spec = _spec(path, _session(path, onnxruntime.SessionOptions(), "CPUExecutionProvider"))
        settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads or _cores()}
        self._model = openvino.Core().compile_model(str(path), device.upper(), settings)

    def run(self, batch: Float32) -> Float32:
        request = self._model.create_infer_request()  # a request is not thread-safe, the model is
        maps: Float32 = request.infer([batch])[self._model.output(0)]
        return maps


class Torch:
    """A network in PyTorch: a safetensors file, or the module itself."""

    engine = "torch"

    def __init__(self, path: str | Path, device: str = "cpu", threads: int = 0):
        import torch

        from unipose.checkpoint import load_model

        if threads:
            torch.set_num_threads(threads)
        module, self.spec = load_model(path)
        self._wrap(module, device)

    @classmethod
    def of_module(cls, module: Any, spec: ModelSpec, device: str = "cpu") -> "Torch":
        """A module that gives heatmaps (activation included); it is put into evaluation mode."""
        runtime = cls.__new__(cls)
        runtime.spec = spec
        runtime._wrap(module, device)
        return runtime

    def _wrap(self, module: Any, device: str) -> None:
        import torch

        self._module = module.to(device).eval()
        self._device = torch.device(device)

    def run(self, batch: Float32) -> Float32:
        import torch

        with torch.inference_mode():
            maps: Float32 = self._module(torch.from_numpy(batch).to(self._device)).float().cpu().numpy()
        return maps


ENGINES: dict[str, Callable[..., Runtime]] = {"onnxruntime": OnnxRuntime, "openvino": OpenVino, "torch": Torch}
_READS = {"onnxruntime": ".onnx", "openvino": ".onnx", "torch": ".safetensors"}
_DEFAULT = {".onnx": "onnxruntime", ".safetensors": "torch"}


def open_runtime(path: str | Path, engine: str | None = None, device: str = "cpu", threads: int = 0) -> Runtime:
    """Load a model file (.onnx or .safetensors) on an engine, by default the one for its kind of file.

    Raises FileNotFoundError, and ValueError for an engine that does not exist or does not read this kind of file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no model file {path}")
    engine = engine or _DEFAULT.get(path.suffix)
    if engine not in ENGINES:
        raise ValueError(f"no engine {engine!r} for {path.name}; engines read {_READS}")
    if _READS[engine] != path.suffix:
        raise ValueError(f"{engine} reads {_READS[engine]} files, not {path.name}; `unipose export` converts")
    return ENGINES[engine](path, device=device, threads=threads)


def _session(path: str | Path, options: Any, provider: str) -> Any:
    from onnxruntime import InferenceSession
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    try:
        return InferenceSession(str(path), options, providers=[provider])
    except (errors.InvalidProtobuf, errors.InvalidArgument, errors.InvalidGraph, errors.Fail) as error:
        raise ValueError(f"{path} is not a sound ONNX file: {error}") from error


def _spec(path: str | Path, session: Any) -> ModelSpec:
    metadata = session.get_modelmeta().custom_metadata_map
    if METADATA_KEY not in metadata:
        raise ValueError(f"{path} carries no UniPose spec; export it with `unipose export`")
    return ModelSpec.from_json(metadata[METADATA_KEY])


def _cores() -> int:
    """Cores this process may use, which a container can limit."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
