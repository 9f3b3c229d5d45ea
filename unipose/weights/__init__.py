"""The model files that come with UniPose; each has a model card beside it."""

from pathlib import Path

from unipose.weights.choice import is_int8_faster

POSE = "unipose-s"
FINDER = "finder-s"
FILES = {"fp32": f"{POSE}.onnx", "int8": f"{POSE}-int8.onnx", "finder": f"{FINDER}.onnx"}
NAMES = ("default", *FILES)
MODEL_HELP = (
    "an .onnx or .safetensors file, or one that comes with UniPose: fp32, int8 (the same in 8 bits), finder; default "
    "is int8 where this machine runs it faster, else fp32"
)


def named_model(name: str, device: str = "cpu", engine: str | None = None) -> Path:
    """The file of a model given on a command line: one of NAMES, or the path of another.

    "default" is the int8 file where it runs faster on this machine, else the fp32 one; for another device than the CPU,
    and for PyTorch, it is PyTorch's.
    """
    if name == "default":
        if engine == "torch" or (engine is None and device != "cpu"):
            return default_weights()
        exact, small = _file(FILES["fp32"]), _file(FILES["int8"])
        return small if device == "cpu" and is_int8_faster(exact, small) else exact
    return _file(FILES[name]) if name in FILES else Path(name)


def finder_for(model: Path) -> Path:
    """The finder that comes along, in the same kind of file as the pose model: ONNX, its 8-bit form, or PyTorch's."""
    suffix = "-int8.onnx" if model == _file(FILES["int8"]) else model.suffix
    return _file(f"{FINDER}{suffix}")


def weights_beside(detector: str, given: str | None, model: Path) -> str | None:
    """The weights of a detector beside a pose model: the `given` ones; by default a finder's come along."""
    return given or (str(finder_for(model)) if detector == "finder" else None)


def weights_files(given: str | None) -> list[Path]:
    """The files that a detector's weights may name: FILE, or NAME:FILE."""
    return [Path(name) for name in ((given or "").partition(":")[2], given) if name]


def default_model() -> Path:
    """The ONNX file of the default model that runs here."""
    return named_model("default")


def default_weights() -> Path:
    """The default model's safetensors file for PyTorch, to continue training from."""
    return _file(f"{POSE}.safetensors")


def _file(name: str) -> Path:
    return Path(__file__).with_name(name)
