"""Files: written whole or not at all, and named by their contents."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path


def write_whole(path: Path, content: bytes | Callable[[Path], object], sync: bool = True) -> None:
    """Fill a file beside `path`, then put it in its place: a reader finds the old one or the new one.

    `content` is the bytes, or what writes them into the path it is given. `sync`: even after a power failure, which
    costs milliseconds; thousands of small files do without.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    if isinstance(content, bytes):
        part.write_bytes(content)
    else:
        content(part)
    if sync:
        settle(part)
    part.replace(path)


def settle(path: Path) -> None:
    """Onto the disk, where a file outlives a power failure."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sha256(path: Path) -> str:
    """In hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
