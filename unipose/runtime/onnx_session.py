"""ONNX Runtime sessions. ONNX Runtime is an optional dependency, so it is imported where it is used."""

from pathlib import Path
from typing import Any

from unipose.core.files import require_file
from unipose.core.hardware import cores

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def open_session(path: str | Path, device: str = "cpu", threads: int = 0) -> Any:
    """Open an ONNX file. `device`: cpu, cuda or cuda:N. `threads`: of one call; 0 means one per core.

    Raises ValueError for a file that is not valid ONNX, or a device that is not there.
    """
    require_file(Path(path), "model file")
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    here = [kind for kind, provider in PROVIDERS.items() if provider in onnxruntime.get_available_providers()]
    kind, _, index = device.partition(":")
    if kind not in here or not (index.isdecimal() or kind == device):
        raise ValueError(f"ONNX Runtime has no device {device!r} here; use one of: {', '.join(here)}{_other(kind)}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or cores()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # spinning threads would keep the cores
    provider = (PROVIDERS[kind], {"device_id": index} if index else {})
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=[provider])
    except _refusals(errors) as error:
        raise ValueError(f"{path} is not a sound ONNX file, or not for {device}: {error}") from error
    if PROVIDERS[kind] not in session.get_providers():  # it falls back to the CPU where a library is missing
        raise ValueError(f"ONNX Runtime cannot use {device!r}, as its messages say why{_other(kind)}")
    return session


def _other(kind: str) -> str:
    return "; a GPU needs the package onnxruntime-gpu, or a model's .safetensors file" if kind == "cuda" else ""


def _refusals(errors: Any) -> tuple[type[Exception], ...]:
    """ONNX Runtime's exceptions, which have no class in common."""
    return tuple(kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception))


def metadata(session: Any) -> dict[str, str]:
    """The file's custom metadata."""
    found: dict[str, str] = session.get_modelmeta().custom_metadata_map
    return found
