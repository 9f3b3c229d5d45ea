"""Text files are in UTF-8 in every locale: whoever opens one says so."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(file for folder in ("unipose", "serve", "data") for file in (ROOT / folder).rglob("*.py"))
TEXT = {"read_text", "write_text"}
OTHERS = {"Image", "av", "Connection", "gzip", "zipfile", "stack"}  # whose `open` opens no text file


def opens_text(call: ast.Call) -> bool:
    """Whether a call opens a text file: read_text and write_text, and open in a mode without b."""
    owner, name = (
        getattr(call.func, "value", None),
        getattr(call.func, "attr", None) or getattr(call.func, "id", None),
    )
    if name in TEXT:
        return True
    if name != "open" or getattr(owner, "id", None) in OTHERS:
        return False
    modes = [*call.args[0 if owner else 1 :], *(word.value for word in call.keywords if word.arg == "mode")]
    return not any("b" in str(mode.value) for mode in modes if isinstance(mode, ast.Constant))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_files_of_text_are_opened_with_their_encoding(file):
    calls = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    unsaid = [
        call.lineno for call in calls if opens_text(call) and "encoding" not in {word.arg for word in call.keywords}
    ]
    assert not unsaid
