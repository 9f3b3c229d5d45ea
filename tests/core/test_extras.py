import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from unipose.core.extras import ALONE, EXTRAS, naming_extras

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
IMPORTED_AS = {"lapx": "lap", "pyyaml": "yaml", "prometheus-client": "prometheus_client"}


def brought_by(extra):
    """The packages, as they are imported, of an extra and of those it names."""
    found = set()
    for line in PROJECT["optional-dependencies"][extra]:
        name, others = re.match(r"([\w-]+)(?:\[([\w,]+)\])?", line).groups()
        found |= set.union(*map(brought_by, others.split(","))) if name == "unipose" else {name.replace("-", "_")}
    return {IMPORTED_AS.get(name.replace("_", "-"), name) for name in found}


def test_every_package_that_is_imported_has_a_line_that_installs_it():
    imported = set()
    for file in [*(ROOT / "unipose").rglob("*.py"), *(ROOT / "serve").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module.partition(".")[0])
    assert imported - {"unipose", "serve"} - set(sys.stdlib_module_names) <= EXTRAS.keys() | ALONE.keys()


def test_what_predicting_needs_comes_with_unipose_itself():
    """The modules that `unipose predict` has loaded when it is done, apart from those that these bring themselves."""
    needed = {re.match(r"[\w-]+", line)[0] for line in PROJECT["dependencies"]}
    assert needed <= set(ALONE.values())
    code = (
        "import sys, numpy, unipose.predict; unipose.load()(numpy.zeros((9, 9, 3), 'u1'));"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split())
    assert "rich" in loaded and loaded & EXTRAS.keys() == set()
    assert {ALONE[name] for name in loaded & ALONE.keys()} == needed


@pytest.mark.parametrize(
    "package", sorted(EXTRAS.keys() - {"starlette", "pydantic", "httptools", "websockets"})
)  # FastAPI's and uvicorn's
def test_the_extra_brings_the_package(package):
    assert package in brought_by(EXTRAS[package])


def missing(name):
    raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("torch", "this needs torch, which is not installed: pip install 'unipose[torch]'"),
        ("av.video", "this needs av, which is not installed: pip install 'unipose[video]'"),
        ("onnxruntime.capi", "this needs onnxruntime, which is not installed: pip install onnxruntime"),
        ("cv2", "this needs cv2, which is not installed: pip install opencv-python-headless"),
        ("timm", "this needs timm, which is not installed: pip install timm"),
        ("somebodys", "No module named 'somebodys'"),
        (None, "No module named None"),
    ],
)
def test_a_missing_package_is_told_with_the_line_that_installs_it(name, line):
    with pytest.raises(ModuleNotFoundError, match=f"^{re.escape(line)}$") as raised:
        naming_extras()(missing)(name)
    assert raised.value.name == name


def test_the_inner_context_knows_best():
    with pytest.raises(ModuleNotFoundError, match=r"^export needs onnx, .*'unipose\[train\]'$"), naming_extras():  # noqa: SIM117
        with naming_extras("export", "train"):
            missing("onnx")
