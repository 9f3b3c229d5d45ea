"""Text files are in UTF-8 in every locale: whoever opens one says so."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = [file for folder in ("unipose", "serve", "data") for file in sorted((ROOT / folder).rglob("*.py"))]
OTHERS = {"Image", "av", "Connection", "codec_context", "os", "tarfile", "opener"}  # whose `open` opens no text file


def opens_text(call: ast.Call) -> bool:
    """Whether a call opens a text file: read_text and write_text, and open in a mode without b."""
    owner = getattr(call.func, "value", None)
    name = getattr(call.func, "attr", None) or getattr(call.func, "id", None)
    if name != "open" or (getattr(owner, "id", None) or getattr(owner, "attr", None)) in OTHERS:
        return name in ("read_text", "write_text")
    modes = [*call.args[0 if owner else 1 :], *(word.value for word in call.keywords if word.arg == "mode")]
    return not any("b" in str(mode.value) for mode in modes if isinstance(mode, ast.Constant))


def unsaid(source: str) -> list[int]:
    """The lines that open a text file without its encoding."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and opens_text(node)]
    return [call.lineno for call in calls if "encoding" not in {word.arg for word in call.keywords}]


def test_files_of_text_are_opened_with_their_encoding():
    found = {file.relative_to(ROOT).as_posix(): unsaid(file.read_text(encoding="utf-8")) for file in FILES}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_what_is_looked_for_is_found():
    lines = [
        "open(a)",
        'open(a, "rb")',
        'p.open("w")',
        'p.open(mode="r")',
        "p.read_text()",
        'p.write_text(t, encoding="u")',
    ]
    assert unsaid("\n".join(lines)) == [1, 3, 4, 5]
