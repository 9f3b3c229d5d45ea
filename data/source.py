"""Official data sets as downloaded, zip or folder: find their files and read them."""

import argparse
import io
import os
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from unipose.cli import exit_status
from unipose.core.files import parse_json, text_of
from unipose.core.types import Float64
from unipose.datasets.image_files import check_size, spellings
from unipose.pipelines.options import add_force


class Source:
    """The files of a zip or folder, by their relative paths with slashes; every error is a ValueError that names it.

    Names of files are looked up in the composed form of Unicode (NFC), links to folders are followed. A zip with a
    member that would leave the folder it is unpacked to, or that is a link, is refused.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._zip: zipfile.ZipFile | None = None
        if path.is_dir():
            self._files = {_form(text_of(file.relative_to(path))): str(file) for file in _files_below(path)}
        elif path.is_file():
            try:
                self._zip = zipfile.ZipFile(path)
            except zipfile.BadZipFile as error:
                raise ValueError(f"{path}: not a whole zip file ({error}); download it again") from error
            members = [member for member in self._zip.infolist() if not member.is_dir()]
            for member in members:
                if _leaves(member):
                    raise ValueError(
                        f"{path}: {member.filename!r} is a link, or leads out of the folder it is unpacked to"
                    )
            self._files = {_form(member.filename.replace("\\", "/")): member.filename for member in members}
        else:
            raise ValueError(f"{path}: no such zip file or folder")
        self.names = set(self._files)
        self._read: set[str] = set()

    @property
    def is_zip(self) -> bool:
        return self._zip is not None

    @property
    def files(self) -> list[Path]:
        """What was read: the zip, or files of the folder."""
        return [self.path] if self.is_zip else [Path(self._files[name]) for name in self._read]

    def checksum(self, name: str) -> int:
        """The CRC-32 of a zip's file, without reading it."""
        assert self._zip
        return self._zip.getinfo(self._files[_form(name)]).CRC

    def match(self, pattern: str) -> list[str]:
        """The files at any depth whose path matches `pattern` from the right (as in PurePath.match), sorted."""
        return sorted(name for name in self.names if PurePosixPath(name).match(pattern))

    def find(self, pattern: str) -> str:
        """The only file that matches."""
        found = self.match(pattern)
        if len(found) != 1:
            raise ValueError(f"{self.path}: needs exactly one {pattern}, found {', '.join(found[:3]) or 'none'}")
        return found[0]

    def find_root(self, names: Sequence[str], split: str) -> str:
        """The folder that file names are relative to: called like the split, or images, or this one itself."""
        found: list[str] = []
        for first in [_form(PurePosixPath(spelling).as_posix()) for spelling in spellings(names[0])]:
            for end in (f"/{split}/{first}", f"/images/{first}"):
                found = found or [name.removesuffix(first) for name in self.names if f"/{name}".endswith(end)]
            found = found or [""] * (first in self.names)
        if len(found) != 1:
            there = ", ".join(folder + names[0] for folder in sorted(found)[:3]) or "none"
            raise ValueError(f"{self.path}: needs exactly one {split}/{names[0]}, found {there}")
        return found[0].removesuffix("/")

    def name_of(self, folder: str, name: str) -> str:
        """The file that a label's file_name means, relative to its folder, however it is spelt."""
        for spelling in spellings(name):
            own = _form(spelling)
            if (PurePosixPath(folder) / own).as_posix() in self.names:
                return own
        raise ValueError(f"{self.path}: {(PurePosixPath(folder) / name).as_posix()} is missing")

    def read(self, name: str) -> bytes:
        if _form(name) not in self.names:
            raise ValueError(f"{self.path}: {name} is missing")
        self._read.add(_form(name))
        file = self._files[_form(name)]
        if self._zip is None:
            return Path(file).read_bytes()
        try:
            return self._zip.read(file)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise ValueError(f"{self.path}: {name} is damaged ({error})") from error
        except (RuntimeError, NotImplementedError) as error:  # a password, or a kind of compression
            raise ValueError(
                f"{self.path}: {name} cannot be unpacked ({error}); unpack it with another tool"
            ) from error

    def read_lines(self, name: str) -> list[str]:
        """Of a text file, in UTF-8 with or without a byte-order mark."""
        try:
            return self.read(name).decode("utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise ValueError(f"{self.path}: {name} is not text in UTF-8 ({error})") from error

    def read_json(self, name: str) -> Any:
        return parse_json(self.read(name), f"{self.path}: {name}")

    def read_matrix(self, name: str, key: str) -> Float64:
        """A numeric variable of a MATLAB file."""
        try:
            return np.asarray(loadmat(io.BytesIO(self.read(name)))[key], np.float64)
        except (KeyError, TypeError, ValueError, NotImplementedError, MatReadError) as error:
            raise ValueError(f"{self.path}: {name} is not a MATLAB file with a matrix {key!r} ({error})") from error

    def image_size(self, name: str, labelled_wh: tuple[int, int] | None = None) -> tuple[int, int]:
        """(width, height) from the image's header, which is to be what its labels say, and upright (`check_size`)."""
        data = io.BytesIO(self.read(name))
        try:
            return check_size(data, labelled_wh)
        except ValueError as error:
            raise ValueError(f"{self.path}: {name} {error}") from error


def _form(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _files_below(folder: Path) -> Iterator[Path]:
    """All files, also in folders that are links, but not in a link to a folder that it is in."""
    above: dict[str, tuple[Path, ...]] = {}
    for parent, folders, files in os.walk(folder, followlinks=True):
        place, outer = Path(parent).resolve(), above.get(os.path.dirname(parent), ())
        if place in outer:
            folders.clear()
            continue
        above[parent] = (*outer, place)
        yield from (path for name in files if (path := Path(parent, name)).is_file())


def _leaves(member: zipfile.ZipInfo) -> bool:
    """Whether a file of a zip is a link, or would be written elsewhere than below the folder it is unpacked to."""
    name = member.filename.replace("\\", "/")
    absolute = name.startswith("/") or bool(re.match("[A-Za-z]:", name))
    return absolute or ".." in name.split("/") or stat.S_ISLNK(member.external_attr >> 16)


def run_script(
    prepare: Callable[[argparse.Namespace], str], parser: argparse.ArgumentParser, argv: Sequence[str] | None
) -> int:
    """Parse the arguments, prepare the data and print the summary that `prepare` returns -> the exit status.

    Every script has --force, for `core.files.refuse_overwrite`.
    """
    add_force(parser)
    args = parser.parse_args(argv)
    return exit_status(lambda: print(prepare(args)))
