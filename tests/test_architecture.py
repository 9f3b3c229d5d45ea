"""Who may import whom, as CONTRIBUTING.md draws it: between packages, not files."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A package imports from those in the tiers above its own here.
TIERS = (
    {"core"}, {"datasets", "video_io", "modeling"}, {"runtime"}, {"weights"}, {"inference"}, {"tracking"},
    {"evaluation"}, {"pipelines"}, {"training"}, {"benchmark"},
)  # fmt: skip
PACKAGES = set().union(*TIERS)
# Where optional libraries are imported, inside functions.
LAZY = (
    "runtime/", "inference/detectors/", "modeling/pretrained.py", "evaluation/box_ap.py", "evaluation/summary.py",
    "benchmark/peers.py", "core/result.py",
)  # fmt: skip
FILES = {f.relative_to(ROOT / "unipose").as_posix(): f for f in sorted((ROOT / "unipose").rglob("*.py"))}
SERVICE = {f.relative_to(ROOT / "serve").as_posix(): f for f in sorted((ROOT / "serve").rglob("*.py"))}
VERBS = {name.removesuffix(".py") for name in FILES if "/" not in name} - {"__init__", "cli"}


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def parts(path: Path, project: str = "unipose") -> set[str]:
    """The packages and modules right below `project` that a file imports anywhere."""
    names = [name.split(".") for node in ast.walk(ast.parse(path.read_text())) for name in imported(node)]
    return {name[1] for name in names if name[0] == project and not name[1].startswith("_")}


def test_every_package_has_its_tier():
    assert {name.split("/")[0] for name in FILES if "/" in name} == PACKAGES


@pytest.mark.parametrize("name", [name for name in FILES if "/" in name])
def test_packages_import_downwards_alone(name):
    own = name.split("/")[0]
    below = set().union(*TIERS[: next(i for i, tier in enumerate(TIERS) if own in tier)])
    if own == "modeling" and name != "modeling/checkpoint.py":
        below = set()  # networks need PyTorch alone
    assert parts(FILES[name]) <= below | {own} and not parts(FILES[name], "serve")


@pytest.mark.parametrize("name", [name for name in FILES if name != "__init__.py"])
def test_nothing_imports_a_verb_and_optional_libraries_are_imported_where_they_are_said_to_be(name):
    tree = ast.parse(FILES[name].read_text())
    assert not parts(FILES[name]) & VERBS
    if not name.startswith(LAZY):
        assert [node for node in ast.walk(tree) if imported(node)] == [node for node in tree.body if imported(node)]


@pytest.mark.parametrize("name", SERVICE)
def test_the_service_needs_the_numpy_side_alone(name):
    allowed = {"core", "runtime", "inference", "weights", "video_io", "tracking"}
    if name.startswith("loadtest/"):
        allowed |= {"datasets", "cli"}
    else:
        assert "loadtest" not in parts(SERVICE[name], "serve")
    assert parts(SERVICE[name]) <= allowed


@pytest.mark.parametrize("module", ["unipose.inference.predictor", "unipose.predict", "unipose.cli", "serve.app"])
def test_predicting_and_serving_load_no_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
