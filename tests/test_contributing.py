"""CONTRIBUTING.md's tree is the repository's, and the files that it names exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()


def drawn() -> dict[str, set[str]]:
    """Each folder of `unipose` and `serve` in the tree, with its modules."""
    found: dict[str, set[str]] = {}
    folders: list[str] = []
    for line in re.search(r"```\n(unipose/.*?)```", TEXT, re.DOTALL)[1].splitlines():
        indent, name, rest = re.fullmatch(r"( *)(?:([\w.]+)/)? *(.*)", line).groups()
        if name and len(indent) < 6:
            folders = [*folders[: len(indent) // 2], name]
            found["/".join(folders)] = set(rest.split())
        elif not name:
            found["/".join(folders)] |= set(rest.split())
    return {folder: names for folder, names in found.items() if folder.split("/")[0] in ("unipose", "serve")}


def test_the_tree_is_the_repositorys():
    real: dict[str, set[str]] = {}
    for top in ("unipose", "serve"):
        for file in (ROOT / top).rglob("*.py"):
            names = real.setdefault(file.parent.relative_to(ROOT).as_posix(), set())
            if file.name != "__init__.py":
                names.add(file.stem)
    tree = drawn()
    assert {folder: names for folder, names in tree.items() if real.get(folder)} == {
        folder: names for folder, names in real.items() if names
    }
    assert set(real) | {"serve/page"} == set(tree)


def test_the_files_that_it_names_exist():
    named = set(re.findall(r"`((?:\w+/)+\w+\.\w+)`", TEXT)) - {"data/prepare_NAME.py"}
    assert len(named) > 20
    for path in named:
        assert any((ROOT / folder / path).is_file() for folder in ("", "unipose")), path
