"""Official data sets as downloaded, zip or folder: find their files, read them, and place their images."""

import argparse
import io
import json
import os
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
from unipose.core.files import write_atomically
from unipose.core.types import Float64


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

    def place_images(self, folder: str, names: Sequence[str], out: Path, root: str = "images") -> str:
        """Make the images `names` in `folder` available to a JSON file in `out`; returns its `info.image_root`.

        Images in a folder stay where they are; those in a zip are unpacked to `out`/`root`.
        """
        if self._zip is None:
            return Path(os.path.relpath(self.path / folder, out)).as_posix()
        for name in names:
            write_atomically(out / root / name, self.read((PurePosixPath(folder) / name).as_posix()), sync=False)
        return root


def run_script(
    prepare: Callable[[argparse.Namespace], str], parser: argparse.ArgumentParser, argv: Sequence[str] | None
) -> int:
    """Parse the arguments, prepare the data and print the summary that `prepare` returns -> the exit status."""
    args = parser.parse_args(argv)
    return exit_status(lambda: print(prepare(args)))
