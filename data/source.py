"""Official data sets as downloaded, zip or folder: find their files and read them."""

import argparse
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import ExifTags, Image
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from unipose.cli import exit_status
from unipose.core.types import Float64
from unipose.pipelines.options import add_force


class Source:
    """The files of a zip or folder, by their relative POSIX paths; every error is a ValueError that names the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._zip: zipfile.ZipFile | None = None
        if path.is_dir():
            self.names = {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()}
        elif path.is_file():
            try:
                self._zip = zipfile.ZipFile(path)
            except zipfile.BadZipFile as error:
                raise ValueError(f"{path}: not a whole zip file ({error}); download it again") from error
            self.names = {name for name in self._zip.namelist() if not name.endswith("/")}
        else:
            raise ValueError(f"{path}: no such zip file or folder")

    @property
    def is_zip(self) -> bool:
        return self._zip is not None

    @property
    def files(self) -> list[Path]:
        """What is read: the zip, or all files of the folder."""
        return [self.path] if self.is_zip else [self.path / name for name in self.names]

    def checksum(self, name: str) -> int:
        """The CRC-32 of a zip's file, without reading it."""
        assert self._zip
        return self._zip.getinfo(name).CRC

    def match(self, pattern: str) -> list[str]:
        """The files at any depth whose path matches `pattern` from the right (as in PurePath.match), sorted."""
        return sorted(name for name in self.names if PurePosixPath(name).match(pattern))

    def find(self, pattern: str) -> str:
        """The only file that matches."""
        found = self.match(pattern)
        if len(found) != 1:
            raise ValueError(f"{self.path}: needs exactly one {pattern}, found {', '.join(found[:3]) or 'none'}")
        return found[0]

    def read(self, name: str) -> bytes:
        if name not in self.names:
            raise ValueError(f"{self.path}: {name} is missing")
        if self._zip is None:
            return (self.path / name).read_bytes()
        try:
            return self._zip.read(name)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise ValueError(f"{self.path}: {name} is damaged ({error})") from error

    def read_json(self, name: str) -> Any:
        try:
            return json.loads(self.read(name))
        except UnicodeDecodeError as error:
            raise ValueError(f"{self.path}: {name} is not JSON ({error})") from error
        except json.JSONDecodeError as error:
            raise ValueError(f"{self.path}: {name} is not whole JSON ({error})") from error

    def read_matrix(self, name: str, key: str) -> Float64:
        """A numeric variable of a MATLAB file."""
        try:
            return np.asarray(loadmat(io.BytesIO(self.read(name)))[key], np.float64)
        except (KeyError, TypeError, ValueError, NotImplementedError, MatReadError) as error:
            raise ValueError(f"{self.path}: {name} is not a MATLAB file with a matrix {key!r} ({error})") from error

    def image_size(self, name: str) -> tuple[int, int]:
        """(width, height) from the image's header.

        Raises ValueError for an EXIF orientation other than 1: labels refer to stored pixels, readers rotate them.
        """
        data = self.read(name)
        try:
            with Image.open(io.BytesIO(data)) as image:
                orientation, size_wh = image.getexif().get(ExifTags.Base.Orientation, 1), image.size
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise ValueError(f"{self.path}: {name} is not a readable image ({error})") from error
        if orientation != 1:
            raise ValueError(f"{self.path}: {name} has EXIF orientation {orientation}; store it upright without EXIF")
        return size_wh


def run_script(
    prepare: Callable[[argparse.Namespace], str], parser: argparse.ArgumentParser, argv: Sequence[str] | None
) -> int:
    """Parse the arguments, prepare the data and print the summary that `prepare` returns -> the exit status.

    Every script has --force, for `core.files.refuse_overwrite`.
    """
    add_force(parser)
    args = parser.parse_args(argv)
    return exit_status(lambda: print(prepare(args)))
