"""The model files that come with UniPose; each has a model card beside it."""

from pathlib import Path

DEFAULT = "unipose-lsp-s"


def default_model() -> Path:
    """The ONNX file of the embedded default model."""
    return Path(__file__).with_name(f"{DEFAULT}.onnx")


def default_weights() -> Path:
    """The embedded default model's file for PyTorch, to train on from."""
    return Path(__file__).with_name(f"{DEFAULT}.safetensors")
