"""The messages in docs/faq.md: each command is run, and says exactly this; `...` stands for anything."""

import doctest
import json
import re
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from tests.support.documents import ROOT, blocks, make_playground, status
from unipose import cli

FAQ = blocks(ROOT / "docs" / "faq.md")
SAID = [block.text.rstrip().split("\n", 1) for block in FAQ if block.language == "console"]
PYTHON = [block.text for block in FAQ if block.language == "pycon"]


def write_foreign_model(path):
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 64, 64]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def write_labels(folder, name, change):
    content = json.loads((folder / "runs/sample/data/train.json").read_text())
    change(content)
    content["info"]["image_root"] = "runs/sample/data/images"
    (folder / name).write_text(json.dumps(content))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A playground with what the commands find there."""
    folder = make_playground(tmp_path_factory.mktemp("faq")).folder
    photo = (folder / "photo.jpg").read_bytes()
    for name, data in {
        "photo.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        "download.jpg": b"<!doctype html><html></html>",
        "holiday.jpg": photo[: len(photo) // 2],
        "mine/photo.pose.json": b"{}",
        "runs/sample/last.pt": b"",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    Image.fromarray(np.full((240, 320, 3), (90, 120, 90), np.uint8)).save(folder / "lawn.jpg")
    write_foreign_model(folder / "yolo11n-pose.onnx")
    write_labels(folder, "gone.json", lambda labels: labels["images"][0].update(file_name="gone.jpg"))
    write_labels(folder, "box.json", lambda labels: labels["annotations"][0].update(bbox=[1, 2, 3]))
    return folder


@pytest.fixture(autouse=True)
def folder(world, monkeypatch):
    monkeypatch.chdir(world)


@pytest.mark.parametrize(("command", "said"), SAID, ids=[command.removeprefix("$ ") for command, _ in SAID])
def test_what_a_command_says(capsys, monkeypatch, request, command, said):
    words = command.removeprefix("$ unipose ").split()
    if "pip install" in said:  # in a process of its own, in which it is not installed
        code = f"import sys; sys.modules['av'] = None; from unipose import cli; sys.exit(cli.main({words}))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        code, out, error = done.returncode, done.stdout, done.stderr
    elif words[0] == "serve":
        port = request.getfixturevalue("service").rstrip("/").rpartition(":")[2]
        words, said = (
            [word.replace("8000", port) for word in words],
            said.replace("8000", port).replace("8001", str(int(port) + 1)),
        )
        command = [sys.executable, "-m", "unipose.cli", *words]
        done = subprocess.run(command, capture_output=True, text=True)  # this process is not the service's
        code, out, error = done.returncode, done.stdout, done.stderr
    else:
        code = status(lambda: cli.main(words))
        out, error = capsys.readouterr()
    assert bool(code) == said.startswith("error: ")
    assert re.fullmatch(re.escape(said).replace(r"\.\.\.", ".*"), (error or out).strip())


@pytest.mark.parametrize("text", PYTHON)
def test_what_python_says(text):
    examples = doctest.DocTestParser().get_doctest(text, {}, "faq", None, None)
    said = []
    failed, _ = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples, out=said.append)
    assert not failed, "".join(said)


def test_there_are_twenty():
    assert len(SAID) + len(PYTHON) >= 20
