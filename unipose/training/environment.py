"""What a training ran on: the code's commit, the libraries' versions and the machine."""

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import torch

from unipose import __version__
from unipose.core.hardware import cores
from unipose.core.types import Json

LIBRARIES = ("torchvision", "numpy", "opencv-python-headless", "albumentations", "pycocotools")


def environment(device: torch.device) -> Json:
    """`commit` is null where the code is not in a git repository; `changed`: it differs from that commit."""
    return {
        "unipose": __version__,
        **commit_of(Path(__file__).parent),
        "python": platform.python_version(),
        "torch": torch.__version__,
        **{library: version(library) for library in LIBRARIES},
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "system": platform.platform(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "cpu",
        "cores": cores(),
        "threads": torch.get_num_threads(),
    }


def commit_of(folder: Path) -> Json:
    """The `commit` that a folder's files are of, and whether they have `changed` since."""

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True).stdout

    try:
        git("ls-files", "--error-unmatch", ".")  # an installed copy may lie in somebody else's repository
        return {"commit": git("rev-parse", "HEAD").strip(), "changed": bool(git("status", "--porcelain", "--", "."))}
    except (OSError, subprocess.CalledProcessError):  # no git, or no repository
        return {"commit": None, "changed": None}
