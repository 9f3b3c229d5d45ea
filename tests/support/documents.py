"""The documents' commands and Python, and a folder to run them in, where small drawn files have the names used."""

import json
import os
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from unipose import cli
from unipose.datasets.synthetic.images import draw_image, draw_sample

ROOT = Path(__file__).parents[2]
APART = {"fine-tuning.md", "service.md"}  # each has a test of its own: tests/docs/, tests/serve/
PAGES = [path for path in sorted((ROOT / "docs").glob("*.md")) if path.name not in APART]
DOCUMENTS = [ROOT / "README.md", ROOT / "data" / "README.md", *PAGES]
TOOLS = ("unipose", "python", "make", "pip", "curl", "docker", "git", "sudo", "source", "PYTHONPATH", "RAY", "serve")
SHELL = ("sh", "bash", "shell")
FILE = re.compile(r"(?<![\w./:=-])[a-z][\w./-]*\.(?:jpg|png|json|jsonl|mp4|onnx|safetensors|yaml|py)\b")


@dataclass(frozen=True)
class Block:
    """A fenced block of a document; an unnamed one whose first word is a tool's name holds commands."""

    language: str
    text: str

    @property
    def is_shell(self) -> bool:
        first = re.split(r"[ _=\n]", self.text.lstrip(), maxsplit=1)[0]
        return self.language in SHELL or (not self.language and first in TOOLS)

    def commands(self) -> list[str]:
        """Each with its continued lines and its comment, as it is written."""
        lines = re.sub(r" *\\\n *", " ", self.text).splitlines()
        return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def blocks(path: Path) -> list[Block]:
    found = re.findall(r"^```(\S*)\n(.*?)^```$", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [Block(language, text) for language, text in found]


def steps(path: Path) -> Iterator[tuple[str, str]]:
    """ "python" or "shell", and the text of each command or block of Python, in order."""
    for block in blocks(path):
        if block.language == "python":
            yield "python", block.text
        elif block.is_shell:
            yield from (("shell", command) for command in block.commands())


@dataclass
class Playground:
    """A folder with the files that documents name. `smaller`: what is added to commands, by their beginning."""

    folder: Path
    smaller: dict[str, list[str]] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, kind: str, text: str) -> None:
        """Run a step in the folder, which is the working directory. Raises AssertionError where it fails."""
        if kind == "python":
            exec(compile(text, "document", "exec"), {"__name__": "document"})
            return
        words = shlex.split(text, comments=True)
        more = next((more for start, more in self.smaller.items() if text.startswith(start)), [])
        apart = "batch" in words or set("|<>&;$") & set(text.partition(" #")[0])  # Ray warns of its own future
        if words[0] == "unipose" and not apart:
            assert status(lambda: cli.main([*words[1:], *more])) == 0, text
        elif words[0] == "python" and words[1].endswith(".py"):
            assert status(lambda: run_script([*words[1:], *more])) == 0, text
        else:
            self.run_shell(text)
        for name in FILE.findall(text):
            assert Path(name).exists(), f"{text}: {name} is not there"

    def run_shell(self, text: str) -> None:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text], env=os.environ | self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{text}: {done.stderr}"


def status(action) -> int:
    try:
        return action() or 0
    except SystemExit as done:
        return int(done.code or 0)


def run_script(words: list[str]) -> int:
    before, sys.argv = sys.argv, words
    try:
        runpy.run_path(words[0], run_name="__main__")
    finally:
        sys.argv = before
    return 0


def make_playground(folder: Path, port: int | None = None) -> Playground:
    """`port`: of a service that answers where the documents say 127.0.0.1:8000."""
    for name in ("configs", "docs", "serve", "unipose"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "data").mkdir()
    for script in (ROOT / "data").glob("*.py"):
        (folder / "data" / script.name).symlink_to(script)
    _draw_photos(folder)
    for run in ("sample", "finder_sample"):  # where a training would draw a large set
        draw_sample(folder / "runs" / run / "data", count=20, seed=1)
    draw_sample(folder / "drawn", count=20, seed=2, size_wh=(96, 128), figures=(1,))
    for name in (
        "lsp/train",
        "lsp/test",
        "lspet/train",
        "coco/train2017",
        "coco/val2017",
    ):  # drawn sets in place of the real ones
        (folder / "data" / name).parent.mkdir(exist_ok=True)
        content = json.loads((folder / "drawn" / "train.json").read_text())
        content["info"]["image_root"] = "../../drawn/images"
        (folder / "data" / f"{name}.json").write_text(json.dumps(content))
    tools = folder / ".tools"
    tools.mkdir()
    for name, command in (("python", sys.executable), ("unipose", f"{sys.executable} -m unipose.cli")):
        (tools / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (tools / name).chmod(0o755)
    (tools / ".curlrc").write_text(f'fail\nsilent\nshow-error\nconnect-to = "127.0.0.1:8000:127.0.0.1:{port}"\n')
    path = f"{tools}:{os.environ['PATH']}"
    return Playground(folder, environment={"PATH": path, "PYTHONPATH": f"{ROOT}", "CURL_HOME": str(tools)})


def _draw_photos(folder: Path) -> None:
    figure = draw_image(np.random.default_rng((0, 18)), (384, 480))[0]
    group = draw_image(np.random.default_rng(3), (640, 480), 3)[0]
    for name in ("photos", "frames", "IN"):
        (folder / name).mkdir()
    for name in ("photo.jpg", "photos/first.jpg", "photos/second.jpg", "IN/first.jpg", "frames/1.jpg", "frames/2.jpg"):
        Image.fromarray(figure).save(folder / name)
    Image.fromarray(group).save(folder / "party.jpg")
    for name in ("match.mp4", "in.mp4"):
        with av.open(str(folder / name), "w") as out:
            stream = out.add_stream("libx264", rate=Fraction(25))
            stream.width, stream.height, stream.pix_fmt = 384, 480, "yuv420p"
            for shift in range(4):
                pixels = np.roll(figure, 2 * shift, axis=1)
                out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            out.mux(stream.encode(None))
