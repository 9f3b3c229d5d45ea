"""Extras: the optional packages, and the line that installs one which is missing."""

from collections.abc import Iterator
from contextlib import contextmanager

# Each optional package, by the name it is imported by, and the extra of UniPose that brings it.
EXTRAS = {
    "fastapi": "serve", "starlette": "serve", "uvicorn": "serve", "httptools": "serve",
    "prometheus_client": "serve", "pydantic": "serve", "pydantic_settings": "serve", "python_multipart": "serve",
    "websockets": "serve",
    "torch": "torch", "torchvision": "torch", "safetensors": "torch",
    "albumentations": "train", "matplotlib": "train", "onnx": "train", "onnxscript": "train", "pycocotools": "train",
    "scipy": "train", "tensorboard": "train", "yaml": "train",
    "av": "video", "lap": "video", "openvino": "openvino", "ray": "ray",
}  # fmt: skip
# What no extra brings, and what it is installed as: what UniPose cannot do without, then others' libraries.
ALONE = {
    "cv2": "opencv-python-headless", "numpy": "numpy", "onnxruntime": "onnxruntime", "PIL": "pillow", "rich": "rich",
    "huggingface_hub": "huggingface_hub", "pandas": "pandas", "supervision": "supervision", "timm": "timm",
    "transformers": "transformers",
}  # fmt: skip


@contextmanager
def naming_extras(who: str = "this", extra: str | None = None) -> Iterator[None]:
    """Let the error of a missing package say how to install it; the context may be a decorator.

    `who` needs the package, and `extra` brings it, by default the one in EXTRAS.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        by = f"'unipose[{extra or EXTRAS[package]}]'" if package in EXTRAS else ALONE.get(package)
        if by and "pip install" not in error.msg:
            error.msg = f"{who} needs {package}, which is not installed: pip install {by}"
        raise
