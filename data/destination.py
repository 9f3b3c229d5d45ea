"""Destination: the folder that a script writes a prepared set into, checked as a whole before anything is written."""

import os
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from source import Source

from unipose.core.files import refuse_overwrite, write_atomically
from unipose.core.types import Json
from unipose.datasets.coco_json import is_prepared, write_json


class Destination:
    """What is to be in `folder`: JSON files, and images out of zips; `write` writes it.

    No input is replaced; with `force`, any other file is.
    """

    def __init__(self, folder: Path, inputs: Iterable[Path], force: bool) -> None:
        self.folder, self.inputs, self.force = folder, inputs, force
        self.labels: dict[Path, Json] = {}
        self.images: dict[Path, tuple[Source, str]] = {}

    def add_images(self, source: Source, folder: str, names: Sequence[str], root: str = "images") -> str:
        """Make the images `names` in a source's `folder` available to the JSON files -> their `info.image_root`.

        Images in a folder stay where they are; those in a zip go to `root`.
        """
        if not source.is_zip:
            return Path(os.path.relpath(source.path / folder, self.folder)).as_posix()
        for name in names:
            self.images[self.folder / root / name] = source, (PurePosixPath(folder) / name).as_posix()
        return root

    def add_labels(self, name: str, content: Json) -> Path:
        """-> the JSON file that will have this content."""
        self.labels[self.folder / name] = content
        return self.folder / name

    def write(self) -> None:
        """Raises ValueError, before anything is written, where that would cost somebody a file."""
        refuse_overwrite([*self.images, *self.labels], self.inputs, self._is_own, self.force)
        for path, (source, name) in self.images.items():
            write_atomically(path, source.read(name), sync=False)
        for path, content in self.labels.items():
            write_json(path, content)

    def _is_own(self, path: Path) -> bool:
        """Whether a file is a prepared set's, or the image that would be written."""
        if path in self.images:
            source, name = self.images[path]
            return source.checksum(name) == zlib.crc32(path.read_bytes())
        return is_prepared(path)
