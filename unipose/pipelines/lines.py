"""LinesWriter: lines of text to a file or stream, which holds whole lines whenever writing ends."""

import io
from pathlib import Path
from types import TracebackType
from typing import TextIO


class LinesWriter:
    """A context manager. A file is made with the first lines, which `header` precedes; each call's are written at once.

    Where a file cannot take all lines of a call, as on a full disk, it keeps those before, and OSError is raised.
    """

    def __init__(self, out: Path | TextIO, header: str | None = None):
        self._out, self._header = out, header
        self._file: io.FileIO | None = None
        self._length = 0

    def write(self, lines: list[str]) -> None:
        if self._header is not None:
            lines, self._header = [self._header, *lines], None
        text = "".join(f"{line}\n" for line in lines)
        if not isinstance(self._out, Path):
            self._out.write(text)
            self._out.flush()
            return
        try:
            self._append(self._out, text.encode())
        except OSError as error:
            raise OSError(f"{self._out} cannot be written: {error.strerror}") from error

    def _append(self, path: Path, data: bytes) -> None:
        if self._file is None:
            self._file = path.open("wb", buffering=0)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            if path.is_file():  # a device or pipe has no lines to take back
                self._file.truncate(self._length)
            raise
        self._length += len(data)

    def __enter__(self) -> "LinesWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._file:
            self._file.close()
