"""The arrows of CONTRIBUTING.md's "Who may import whom", held by test."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Each module with the layer it lives in; a module imports from lower layers, or from its own where MAY says so.
LAYERS = [
    {"skeleton", "geometry", "files", "people", "bomb", "onnx_graph", "smooth", "handover", "sound", "fastest"},
    {"heatmap", "pose", "image", "spec", "machine"},
    {"metrics", "draw", "records", "coco_json", "figure", "lines", "frames", "video_writer", "calm", "onnx_session"},
    {"sample", "track"},
    {"clips"},
    {"runtime", "onnx_layout", "evaluation"},
    {"onnx_detector", "torchvision_detector"},
    {"detect"},
    {"predictor"},
    {"stream", "options"},
    {"looks", "eye"},
    {"follow"},
    {"photo", "footage"},
    {"task"},
    {"pool"},
]
CORE = set().union(*LAYERS)
TORCH_RING = {
    "augment": {"geometry", "records", "skeleton"},
    "loss": set(),
    "schedule": set(),
    "processes": set(),
    "dataset": {"heatmap", "image", "augment", "geometry", "records", "spec"},
    "engine": {"dataset", "loss", "processes"},
    "checkpoint": {"files", "skeleton", "spec", "model.network", "model.temporal", "model.trunk"},
    "config": set(),
    "replay": set(),
}
WITHIN_LAYER = {"heatmap": {"geometry"}, "options": {"weights"}, "pose": {"skeleton"}, "spec": {"skeleton"}}
JOB = {"journal", "job", "report", "compose", "throughput", "inference"}  # wires the torch ring and the evaluation
ENTRY_POINTS = {
    "train",
    "evaluate",
    "predict",
    "video",
    "batch",
    "export",
    "models",
    "quantize",
    "calibrate",
    "bench",
    "pretrain",
    "study",
    "cli",
}


def imports(path: Path, inside_functions: bool = False) -> set[str]:
    """The names under `unipose` and `serve` that a file imports when it is imported, or anywhere in it."""
    tree = ast.parse(path.read_text())
    nodes = list(ast.walk(tree)) if inside_functions else tree.body
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "unipose":
            found |= {f"unipose.{alias.name}" for alias in node.names if not alias.name.startswith("_")}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return {name for name in found if name.split(".")[0] in ("unipose", "serve")}


def modules() -> dict[str, Path]:
    files = sorted((ROOT / "unipose").rglob("*.py"))
    return {
        ".".join(f.relative_to(ROOT / "unipose").with_suffix("").parts): f for f in files if f.name != "__init__.py"
    }


@pytest.mark.parametrize("name", [name for name in modules() if name in CORE])
def test_the_numpy_core_has_no_upward_arrow(name):
    layer = next(i for i, names in enumerate(LAYERS) if name in names)
    allowed = set().union(*LAYERS[:layer]) | WITHIN_LAYER.get(name, set())
    assert {n.removeprefix("unipose.") for n in imports(modules()[name])} <= allowed


@pytest.mark.parametrize("name", TORCH_RING)
def test_the_torch_ring_has_no_upward_arrow(name):
    assert {n.removeprefix("unipose.") for n in imports(modules()[name], True)} <= TORCH_RING[name]


MODEL = ["branch", "runge_kutta", "residual", "trunk", "network", "temporal", "classifier", "pretrained", "cost"]


@pytest.mark.parametrize("name", [name for name in modules() if name.startswith("model.")])
def test_the_networks_import_torch_and_themselves_downwards(name):
    below = MODEL[: MODEL.index(name.removeprefix("model."))]
    assert imports(modules()[name], True) <= {f"unipose.model.{part}" for part in below}


@pytest.mark.parametrize("name", modules())
def test_nothing_imports_an_entry_point_or_the_service(name):
    for imported in imports(modules()[name], True):
        assert not imported.startswith("serve")
        assert imported.removeprefix("unipose.") not in ENTRY_POINTS


def test_every_module_has_its_place():
    known = CORE | set(TORCH_RING) | JOB | ENTRY_POINTS
    assert {name for name in modules() if not name.startswith("model.")} == known


@pytest.mark.parametrize("path", sorted((ROOT / "serve").rglob("*.py")), ids=lambda path: path.name)
def test_the_service_uses_only_the_numpy_core(path):
    for imported in imports(path, True):
        name = imported.removeprefix("unipose.")
        assert imported.startswith("serve") or name in CORE | {"unipose", "weights"}


@pytest.mark.parametrize("module", ["unipose.inference.predictor", "unipose.predict", "unipose.cli", "serve.app"])
def test_serving_loads_no_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
