"""docs/fine-tuning.md works as it is written: its files are written and its commands run, in their order."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "fine-tuning.md").read_text()
BLOCKS = re.findall(r"^```(yaml)?\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
COMMANDS = [line for kind, block in BLOCKS if not kind for line in block.splitlines()]
VERBS = {"unipose": ["-m", "unipose.cli"], "python": []}
QUICK = {  # the same with fewer pictures and one short epoch
    "data/make_export.py": ["--count", "10"],
    "train": ["train.epochs=1", "train.batch_size=4", "train.workers=0", "train.threads=1"],
}


def test_it_takes_ten_commands_at_most():
    assert len(COMMANDS) <= 10 and COMMANDS[0].startswith("pip install")


@pytest.fixture
def folder(tmp_path):
    """As the repository's, with its own data/, of which the scripts and the package are links."""
    (tmp_path / "data").mkdir()
    for path in [ROOT / "unipose", ROOT / "serve", *(ROOT / "data").glob("*.py")]:
        (tmp_path / path.relative_to(ROOT)).symlink_to(path)
    return tmp_path


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return str(taken.getsockname()[1])


@pytest.mark.parametrize("more", [QUICK, pytest.param({}, marks=pytest.mark.slow)], ids=["quick", "as written"])
def test_its_commands_lead_to_a_model_that_is_served(folder, more):
    port, began = free_port(), monotonic()
    environment = os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{folder / 'data'}", "no_proxy": "127.0.0.1"}
    service = None

    def command(words):
        """As in this Python; the picture's number is that of the last one."""
        extra = more.get(words[1], [])
        if more:
            words = [word.replace("00300", "00010") for word in words]
        return [sys.executable, *VERBS[words[0]], *words[1:], *extra]

    try:
        for kind, block in BLOCKS:
            if kind:
                name = re.match(r"# (\S+\.yaml)\n", block)[1]
                (folder / name).write_text(block)
                assert yaml.safe_load(block)
                continue
            for words in map(shlex.split, block.splitlines()):
                if words[0] == "pip":
                    continue
                if words[:2] == ["unipose", "serve"]:
                    log = open(folder / "log", "w")  # noqa: SIM115  (the service writes into it until the end)
                    service = subprocess.Popen(
                        [*command(words), "--port", port], cwd=folder, env=environment, stdout=log, stderr=log
                    )
                    while "listens on" not in (folder / "log").read_text():
                        assert service.poll() is None, (folder / "log").read_text()
                        sleep(0.1)
                    continue
                if words[0] == "curl":
                    asked = [word.replace(":8000", f":{port}") for word in words]
                    asked = [word.replace("00300", "00010") if more else word for word in asked]
                    done = subprocess.run(asked, cwd=folder, env=environment, capture_output=True, text=True)
                    answer = json.loads(done.stdout)
                    continue
                done = subprocess.run(command(words), cwd=folder, env=environment, capture_output=True, text=True)
                assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    finally:
        if service:
            service.terminate()
            service.wait(30)
            log.close()
    [pose] = answer["poses"]
    skeleton = yaml.safe_load((folder / "keypoints.yaml").read_text())
    assert answer["model"]["name"] == "mine" and answer["model"]["skeleton"] == skeleton["name"]
    assert [joint["name"] for joint in pose["keypoints"]] == skeleton["keypoints"]
    assert len(list((folder / "results").iterdir())) == 2
    lines = [json.loads(line) for line in (folder / "runs" / "mine" / "log.jsonl").read_text().splitlines()]
    print(f"{len(COMMANDS)} commands in {monotonic() - began:.0f} s, PCK@0.2 {lines[-1]['validation']}")
    assert more or lines[-1]["validation"] > 80
