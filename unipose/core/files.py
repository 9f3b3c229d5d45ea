"""Files: atomic writes, SHA-256 digests, and the refusal to overwrite what cannot be made again."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from unipose.core.model_spec import METADATA_KEY


def write_atomically(path: Path, content: bytes | Callable[[Path], object], sync: bool = True) -> None:
    """Write a temporary file beside `path`, then rename it: a reader finds the old file or the complete new one.

    `content` is the bytes, or a function that writes them to the path it is given. `sync` makes the file survive a
    power failure, at a cost of milliseconds; turn it off for thousands of small files. What is no file, as /dev/null
    or a pipe, is written to and stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    replaces = path.is_file() or not path.exists()
    part = path.with_name(path.name + ".part") if replaces else path
    if isinstance(content, bytes):
        part.write_bytes(content)
    else:
        content(part)
    if replaces:
        if sync:
            fsync(part)
        part.replace(path)


def fsync(path: Path) -> None:
    """Flush a file to disk, so that it survives a power failure."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sha256(path: Path) -> str:
    """A file's digest in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refuse_overwrite(
    outputs: Iterable[Path],
    inputs: Iterable[Path],
    ours: Callable[[Path], bool] = lambda path: False,
    force: bool = False,
) -> None:
    """Raises ValueError where writing `outputs` would cost somebody a file; call it before anything is written.

    No output may be one of the `inputs`, by whatever name or link, or be written twice. One that exists may be replaced
    if it is empty, if `ours` recognises it as made by UniPose, or with `force`. What is no file, as /dev/null or a
    pipe, loses nothing.
    """
    made_from = {_identity(path.stat()) for path in inputs if path.exists()}
    places: set[Path] = set()
    for path in outputs:
        place = path.resolve()
        if place in places:
            raise ValueError(f"{path} would be written twice; give each result a name of its own")
        places.add(place)
        if not path.exists():
            above = next(folder for folder in place.parents if folder.exists())
            if not above.is_dir():
                raise ValueError(f"{path} cannot be written, as {above} is no folder")
            continue
        found = path.stat()
        if _identity(found) in made_from:
            raise ValueError(f"{path} would overwrite what it is made from; give it another name")
        if stat.S_ISDIR(found.st_mode):
            raise ValueError(f"{path} is a folder, not a file to write")
        if stat.S_ISREG(found.st_mode) and found.st_size and not (force or ours(path)):
            raise ValueError(f"{path} exists, and UniPose did not make it; give another name, or --force to replace it")


def _identity(found: os.stat_result) -> tuple[int, int]:
    """The same for all names of a file."""
    return found.st_dev, found.st_ino


def is_model_file(path: Path) -> bool:
    """Whether a file is a model of UniPose: ONNX or safetensors with its metadata."""
    return path.suffix in (".onnx", ".safetensors") and METADATA_KEY.encode() in path.read_bytes()
