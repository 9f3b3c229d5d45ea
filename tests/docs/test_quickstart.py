"""docs/quickstart.ipynb is a notebook whose cells run in order, and holds nobody's pictures."""

import ast
import json
from pathlib import Path

import pytest

import unipose

NOTEBOOK = json.loads((Path(__file__).parents[2] / "docs" / "quickstart.ipynb").read_text(encoding="utf-8"))
CODE = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


def test_it_holds_no_outputs():
    assert NOTEBOOK["nbformat"] == 4 and len(CODE) > 5
    for cell in NOTEBOOK["cells"]:
        assert cell["cell_type"] == "markdown" or (cell["outputs"], cell["execution_count"]) == ([], None)
        assert set(cell) >= {"id", "metadata", "source"}


def shown(code, names):
    """Run a cell -> the value of its last line, as a notebook shows it."""
    tree = ast.parse(code)
    last = ast.Expression(tree.body.pop().value) if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return eval(compile(last, "cell", "eval"), names) if last else None


def test_its_cells_run_in_order(tmp_path, monkeypatch, capsys):
    pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    names = {}
    values = [value for code in CODE if (value := shown(code, names)) is not None]
    result, picture, table, people, *rest = values
    assert isinstance(result, unipose.Result) and len(result) == 2 and not rest
    assert picture.size == (640, 480) and len(table) == 5 and len(people) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "(2, 19, 2) (2, 19) (2, 4)" and "<Result: nobody, 320 x 240>" in printed
    tracks = [ast.literal_eval(line) for line in printed[-5:]]
    assert {number for frame in tracks for number, _ in frame} == {1, 2}
    assert dict(tracks[-1])[1] > dict(tracks[0])[1] + 8  # who walks to the right
    assert (tmp_path / "drawn.jpg").exists() and json.loads((tmp_path / "drawn.json").read_text())["poses"]
