"""ONNX Runtime sessions. ONNX Runtime is an optional dependency, so it is imported where it is used."""

from pathlib import Path
from typing import Any

from unipose.core.hardware import cores


def open_session(path: str | Path, device: str = "cpu", threads: int = 0) -> Any:
    """Open an ONNX file. `device`: cpu, cuda or cuda:N. `threads`: of one call; 0 means one per core.

    Raises ValueError for a file that is not valid ONNX, or a device that is not there.
    """
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    providers = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
    kind, _, index = device.partition(":")
    if providers.get(kind) not in onnxruntime.get_available_providers() or (index and not index.isdecimal()):
        raise ValueError(f"ONNX Runtime has no device {device!r} here; use one of: {', '.join(providers)}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or cores()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # spinning threads would keep the cores
    provider = (providers[kind], {"device_id": index} if index else {})
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=[provider])
    except (errors.InvalidProtobuf, errors.InvalidArgument, errors.InvalidGraph, errors.Fail) as error:
        raise ValueError(f"{path} is not a sound ONNX file: {error}") from error


def metadata(session: Any) -> dict[str, str]:
    """The file's custom metadata."""
    found: dict[str, str] = session.get_modelmeta().custom_metadata_map
    return found
