"""Files: atomic writes and SHA-256 digests."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path


def write_atomically(path: Path, content: bytes | Callable[[Path], object], sync: bool = True) -> None:
    """Write a temporary file beside `path`, then rename it: a reader finds the old file or the complete new one.

    `content` is the bytes, or a function that writes them to the path it is given. `sync` makes the file survive a
    power failure, at a cost of milliseconds; turn it off for thousands of small files.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    if isinstance(content, bytes):
        part.write_bytes(content)
    else:
        content(part)
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
