"""The model files that come with UniPose; each has a model card beside it."""

from pathlib import Path

DEFAULT = "unipose-s"
FINDER = "finder-s"
NAMES = {"default": f"{DEFAULT}.onnx", "int8": f"{DEFAULT}-int8.onnx", "finder": f"{FINDER}.onnx"}
MODEL_HELP = f"an .onnx or .safetensors file, or one that comes with UniPose: {', '.join(NAMES)}"


def named_model(name: str) -> Path:
    """The file of a model given on a command line: "default", "int8" (the same in 8 bits) or the path of another."""
    return Path(__file__).with_name(NAMES[name]) if name in NAMES else Path(name)


def finder_for(model: Path) -> Path:
    """The finder that comes along, in the same kind of file as the pose model: ONNX, its 8-bit form, or PyTorch's."""
    suffix = "-int8.onnx" if model == named_model("int8") else model.suffix
    return Path(__file__).with_name(f"{FINDER}{suffix}")


def weights_beside(detector: str, given: str | None, model: Path) -> str | None:
    """The weights of a detector beside a pose model: the `given` ones; by default a finder's come along."""
    return given or (str(finder_for(model)) if detector == "finder" else None)


def weights_files(given: str | None) -> list[Path]:
    """The files that a detector's weights may name: FILE, or NAME:FILE."""
    return [Path(name) for name in ((given or "").partition(":")[2], given) if name]


def default_model() -> Path:
    """The ONNX file of the default model."""
    return named_model("default")


def default_weights() -> Path:
    """The default model's safetensors file for PyTorch, to continue training from."""
    return Path(__file__).with_name(f"{DEFAULT}.safetensors")
