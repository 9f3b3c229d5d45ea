"""Files: JSON however it is stored, names, atomic writes, digests, and no overwriting of what cannot be made again."""

import gzip
import hashlib
import json
import os
import stat
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from unipose.core.model_spec import METADATA_KEY


def read_json(path: Path) -> Any:
    """What a JSON file holds, whatever the machine's locale; see `parse_json`.

    Raises ValueError, naming the file, for another kind of file and for a folder, OSError where it cannot be read.
    """
    if path.is_dir():
        raise ValueError(f"{path} is a folder; name a JSON file")
    return parse_json(path.read_bytes(), str(path))


def parse_json(data: bytes, name: str) -> Any:
    """A JSON file's bytes, in UTF-8 or what a byte-order mark says, gzipped or not. ValueErrors say its `name`."""
    try:
        plain = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{name} is not a whole gzip file ({error})") from error
    if not plain.strip():
        raise ValueError(f"{name} is empty, not JSON")
    if plain.startswith(b"PK\x03\x04"):
        raise ValueError(f"{name} is a zip file; unpack it, and name the JSON file in it")
    try:
        return json.loads(plain)
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is not JSON in UTF-8 ({error})") from error
    except RecursionError as error:
        raise ValueError(f"{name} is not JSON of labels: it is nested too deeply") from error
    except ValueError as error:
        if not plain.lstrip().startswith((b"{", b"[")):
            raise ValueError(f"{name} is not JSON, as labels and detections are (data/README.md)") from error
        raise ValueError(f"{name} is not whole JSON ({error})") from error


def path_of(text: str) -> str:
    """A file's name, as text in JSON -> as `open` wants it, also where the locale is not UTF-8."""
    return os.fsdecode(text.encode("utf-8", "surrogateescape")) if os.name == "posix" else text


def text_of(path: str | Path) -> str:
    """The inverse of `path_of`, with slashes."""
    text = os.fsencode(path).decode("utf-8", "surrogateescape") if os.name == "posix" else str(path)
    return text.replace(os.sep, "/")


def relative(path: Path, folder: Path) -> str:
    """The way from a folder to a path as text, the real one where links are on it."""
    return text_of(os.path.relpath(path.resolve(), folder.resolve()))


def write_atomically(path: Path, content: bytes | Callable[[Path], object], sync: bool = True) -> None:
    """Write a temporary file beside `path`, then rename it: a reader finds the old file or the complete new one.

    `content` is the bytes, or a function that writes them to the path it is given. `sync` makes the file survive a
    power failure, at a cost of milliseconds; turn it off for thousands of small files. Whatever goes wrong, nothing is
    left behind. What is no file, as /dev/null or a pipe, is written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write = (lambda place: place.write_bytes(content)) if isinstance(content, bytes) else content
    device = path.exists() and not path.is_file()
    part = path if device else path.with_name(path.name + ".part")
    try:
        write(part)
        if sync and not device:
            fsync(part)
        if not device:
            part.replace(path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is None:  # as of a full disk
            error.filename = str(path)
        if not device:
            part.unlink(missing_ok=True)
        raise


def require_file(path: Path, what: str = "file") -> None:
    """Raises OSError, which names it and `what` it should be, where there is no file that may be read."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a {what}")
    if not path.exists():
        raise FileNotFoundError(f"no {what} {path}")
    path.open("rb").close()


def fsync(path: Path) -> None:
    """Flush a file to disk, so that it survives a power failure."""
    with path.open("r+b") as file:  # Windows flushes no file that is open for reading
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
    """Raises ValueError where writing `outputs` would cost somebody a file, OSError where they cannot be written.

    Call it before anything is written. No output may be one of the `inputs`, by whatever name or link, or be written
    twice. One that exists may be replaced if it is empty, if `ours` recognises it as made by UniPose, or with `force`.
    What is no file, as /dev/null or a pipe, loses nothing.
    """
    made_from = {_identity(path.stat()) for path in inputs if path.exists()}
    places: set[Path] = set()
    for path in outputs:
        place = path.resolve()
        if place in places:
            raise ValueError(f"{path} would be written twice; give each result a name of its own")
        places.add(place)
        if path.is_file() or not path.exists():
            _require_writable(path)
        if not path.exists():
            continue
        found = path.stat()
        if _identity(found) in made_from:
            raise ValueError(f"{path} would overwrite what it is made from; give it another name")
        if stat.S_ISDIR(found.st_mode):
            raise ValueError(f"{path} is a folder, not a file to write")
        if stat.S_ISREG(found.st_mode) and found.st_size and not (force or ours(path)):
            raise ValueError(f"{path} exists, and UniPose did not make it; give another name, or --force to replace it")


def _require_writable(path: Path) -> None:
    """Raises OSError where the nearest folder above that there is takes no new file; told before hours of work."""
    folder = next(parent for parent in path.resolve().parents if parent.exists())
    if not folder.is_dir():
        raise NotADirectoryError(f"{path} cannot be written: {folder} is no folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"{path} cannot be written: {folder} belongs to somebody else, or is read-only")


def _identity(found: os.stat_result) -> tuple[int, int]:
    """The same for all names of a file."""
    return found.st_dev, found.st_ino


def is_model_file(path: Path) -> bool:
    """Whether a file is a model of UniPose: ONNX or safetensors with its metadata."""
    return path.suffix in (".onnx", ".safetensors") and METADATA_KEY.encode() in path.read_bytes()
