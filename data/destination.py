"""Destination: the folder that a script writes a set into, which costs nobody a file."""

import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from source import Source

from unipose.core.files import path_of, refuse_overwrite, relative, write_atomically
from unipose.core.types import Json
from unipose.datasets.coco_json import is_prepared, write_json


class Destination:
    """What is to be in `folder`: JSON files, and images out of zips; `write` writes it.

    No input is replaced; with `force`, any other file is.
    """

    def __init__(self, folder: Path, force: bool) -> None:
        self.folder, self.force = folder, force
        self.sources: list[Source] = []
        self.labels: dict[Path, Json] = {}
        self.images: dict[Path, tuple[Source, str]] = {}

    def add_images(self, source: Source, folder: str, names: Sequence[str], root: str = "images") -> str:
        """Make the images `names` in a source's `folder` available to the JSON files -> their `info.image_root`.

        Images in a folder stay where they are; those in a zip go to `root`.
        """
        self.sources.append(source)
        if not source.is_zip:
            return relative(source.path / path_of(folder), self.folder)
        for name in names:
            path = self.folder / path_of(root) / path_of(name)
            self.images[path] = source, (PurePosixPath(folder) / name).as_posix()
        return root

    def add_labels(self, name: str, content: Json) -> Path:
        """-> the JSON file that will have this content."""
        self.labels[self.folder / name] = content
        return self.folder / name

    def write(self, inputs: Iterable[Path]) -> None:
        """`inputs`: what was read besides the images' sources. Raises ValueError as `check` does."""
        read = [path for source in self.sources for path in source.files]
        self.check([*self.images, *self.labels], [*inputs, *read])
        for path, (source, name) in self.images.items():
            write_atomically(path, source.read(name), sync=False)
        for path, content in self.labels.items():
            write_json(path, content)

    def check(self, paths: Iterable[Path], inputs: Iterable[Path]) -> None:
        """Raises ValueError, before anything is written, where writing `paths` would cost somebody a file."""
        refuse_overwrite(paths, inputs, self._is_own, self.force)

    def _is_own(self, path: Path) -> bool:
        """Whether a file is a prepared set's, or the image that would be written."""
        if path in self.images:
            source, name = self.images[path]
            return source.checksum(name) == zlib.crc32(path.read_bytes())
        return is_prepared(path)
