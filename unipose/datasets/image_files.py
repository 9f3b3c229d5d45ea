"""Image files of a label file: where they are, whatever system wrote their names, and how large they are."""

import io
import os
import unicodedata
import warnings
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from PIL import Image, UnidentifiedImageError

from unipose.core.file_kinds import SIGNATURES
from unipose.core.files import path_of, text_of
from unipose.core.image import Limits, exif_orientation
from unipose.core.types import Json
from unipose.datasets.label_lists import info_of

LAYOUTS = (".", "images", "../images/{split}", "../{split}", "../images", "..")
"""Where images are, from a label file that does not say it; the split of person_keypoints_val2017.json is val2017."""
_FORMATS = list(dict.fromkeys(SIGNATURES.values()))
TRIED = 20  # of the images, to find out which of these folders it is


def image_root(content: Json) -> str | None:
    """`info.image_root`, the images' folder, where a label file says it."""
    root = info_of(content).get("image_root")
    if not isinstance(root, str | None):
        raise ValueError(f"info.image_root must be the images' folder, got {root!r}")
    return root


class ImageFiles:
    """The image files that a label file names, in `root`: the folder `image_root` from there, or else one of LAYOUTS.

    Where the label file is a link, the folder may be seen from the link or from what it leads to.
    """

    def __init__(self, labels: Path, image_root: str | None, names: Sequence[str]) -> None:
        self._said = image_root is not None
        self._forms = cache(_forms)
        split = labels.name.partition(".")[0].rpartition("_")[2]
        layouts = [layout.format(split=split) for layout in LAYOUTS] if image_root is None else spellings(image_root)
        parents = dict.fromkeys((labels.parent, labels.resolve().parent))
        roots = [parent / path_of(layout) for layout in layouts for parent in parents]
        some = names[:: max(1, len(names) // TRIED)]
        self.root = max(roots, key=lambda root: sum(self._find(root, name) is not None for name in some))

    def find(self, name: str) -> Path:
        """The file of this name, or where it would be."""
        return self._find(self.root, name) or self.root / path_of(name)

    def size(self, path: Path, labelled_wh: tuple[int, int] | None) -> tuple[int, int]:
        """`check_size` of a file, which ValueErrors name, also one that has too many bytes to be read.

        Raises FileNotFoundError where it is missing, which says how images and their folder are named.
        """
        try:
            size, limits = path.stat().st_size, Limits()
            if size > limits.max_bytes:
                raise ValueError(f"has {size:,} bytes; at most {limits.max_bytes:,} are accepted")
            return check_size(path, labelled_wh)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise FileNotFoundError(f"names the image {path}, which does not exist{self._advice(path)}") from error
        except ValueError as error:
            raise ValueError(f"image {path} {error}") from error

    def _find(self, root: Path, name: str) -> Path | None:
        """Also a name with backslashes, with %20 and the like, or in another form of Unicode than the file's."""
        for spelling in spellings(name):
            path = os.path.join(root, path_of(spelling))
            if os.path.isfile(path):
                return Path(path)
            if not spelling.isascii() and (other := self._in_another_form(root, spelling)):
                return other
        return None

    def _in_another_form(self, root: Path, name: str) -> Path | None:
        path = root
        for part in PurePosixPath(name).parts:
            entry = self._forms(path).get(unicodedata.normalize("NFC", part))
            if not entry:
                return None
            path = path / entry
        return path if path.is_file() else None

    def _advice(self, path: Path) -> str:
        name = text_of(path)
        if not path.is_relative_to(self.root) or ":/" in name or ":\\" in name:  # of this system, the web, or Windows
            return "; file_name is to be relative to the images' folder"
        stem = PurePosixPath(name).stem.casefold()
        if near := [form for form in self._forms(path.parent) if PurePosixPath(form).stem.casefold() == stem]:
            return f"; did you mean {near[0]}?"
        return "" if self._said else "; info.image_root is to say in which folder the images are, from the JSON file"


def spellings(name: str) -> Iterable[str]:
    """A file_name as it stands, and what it means if it is written as on Windows, or as in an address of the web."""
    return dict.fromkeys((name, name.replace("\\", "/"), unquote(name)))


def _forms(folder: Path) -> dict[str, str]:
    """The names in a folder by their composed form (NFC); of one that is not there, none."""
    if not folder.is_dir():
        return {}
    return {unicodedata.normalize("NFC", text_of(entry)): entry for entry in sorted(os.listdir(folder))}


def image_header(file: Path | io.BytesIO) -> tuple[tuple[int, int], int]:
    """(width, height) as stored, and the EXIF orientation. Raises ValueError for what `read_image` does not read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of many pixels, as nothing is decoded, and of damaged EXIF data
            with Image.open(file, formats=_FORMATS) as image:
                known = image.format != "PNG" or "exif" in image.info  # else Pillow would decode a PNG to look for it
                return image.size, exif_orientation(image) if known else 1
    except UnidentifiedImageError as error:  # its message names a Python object
        raise ValueError(f"is not a readable image ({', '.join(_FORMATS)})") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"is not a readable image ({error})") from error


def check_size(file: Path | io.BytesIO, labelled_wh: tuple[int, int] | None) -> tuple[int, int]:
    """The (width, height) of an image that labels refer to, as readers see it: upright.

    `labelled_wh`: its size as its labels say, where they do. Raises ValueError where it is another one, for more pixels
    than `read_image` accepts, and where an image is to be turned by its EXIF orientation and its labels do not show by
    their size that it was when it was labelled.
    """
    (width, height), orientation = image_header(file)
    if width * height > Limits().max_pixels:
        raise ValueError(f"has {width} x {height} pixels; at most {Limits().max_pixels:,} are accepted")
    upright_wh = (height, width) if orientation in (5, 6, 7, 8) else (width, height)
    if orientation in range(2, 9) and (upright_wh != labelled_wh or upright_wh == (width, height)):
        raise ValueError(f"has EXIF orientation {orientation}; store it upright without EXIF")
    if labelled_wh not in (None, upright_wh):
        raise ValueError(f"is {upright_wh}, its labels say {labelled_wh}")
    return upright_wh
