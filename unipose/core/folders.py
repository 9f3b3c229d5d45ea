"""Folders of pictures and videos: what is in them, without what systems leave there, in an order that people expect."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from unipose.core.file_kinds import IMAGE_FORMATS, IMAGE_SUFFIXES, UNREAD_SUFFIXES

# What systems and network drives make: folders of thumbnails and deleted files, and notes on a folder.
_CLUTTER = (
    "__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "thumbs.db", "desktop.ini",
)  # fmt: skip


def images_in(folder: Path) -> list[Path]:
    """A folder's image files in natural order, frame10 after frame9.

    Pictures of unsupported kinds are among them: reading one says what it is. Raises ValueError where there are none.
    """
    suffixes = IMAGE_SUFFIXES + UNREAD_SUFFIXES
    paths = [path for path in folder.iterdir() if path.suffix.lower() in suffixes and not is_clutter(path.name)]
    paths = [path for path in paths if not path.is_dir()]
    if not paths:
        raise ValueError(f"{folder} holds no images ({IMAGE_FORMATS})")
    return sorted(paths, key=_natural_key)


def _natural_key(path: Path) -> tuple[list[tuple[int, str]], str]:
    parts = re.split(r"(\d+)", path.name)
    return [(int(part or 0), "") if part.isdecimal() else (0, part) for part in parts], path.name


def is_clutter(name: str) -> bool:
    """Whether a file or folder of this name is hidden, as macOS's `._photo.jpg`, or a system's."""
    return name.startswith(".") or name.lower() in _CLUTTER


def files_below(folder: Path, but: Path) -> Iterator[Path]:
    """The files in a folder and its subfolders, without clutter and the folder `but`.

    Links to folders are followed, and no folder is searched twice: not one that links lead to from several places, nor
    one that holds `folder`. Raises OSError for a folder that cannot be read.
    """
    root, but = folder.resolve(), but.resolve()
    seen = set(root.parents)
    for top, folders, files in os.walk(folder, onerror=_raise, followlinks=True):
        place = Path(top).resolve()
        if place in seen or place.is_relative_to(but):
            folders.clear()
            continue
        seen.add(place)
        folders[:] = sorted(
            name for name in folders if not is_clutter(name) and not _found_anyway(Path(top, name), root)
        )
        yield from (Path(top, name) for name in files if not is_clutter(name))


def _found_anyway(folder: Path, root: Path) -> bool:
    """Whether it is a link to a folder that is found below the root by its own name."""
    place = folder.resolve()
    inside = folder.is_symlink() and place.is_relative_to(root)
    return inside and not any(is_clutter(part) for part in place.relative_to(root).parts)


def _raise(error: OSError) -> None:
    raise error
