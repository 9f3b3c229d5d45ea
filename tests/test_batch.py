import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from PIL import Image

from tests.support.video_files import write_video
from unipose.batch import Outcome, find_inputs, lists_failures, main
from unipose.core.image import read_image
from unipose.pipelines.worker import UNFINISHED

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning")  # Ray's own
COMMAND = [sys.executable, "-m", "unipose.batch"]


@pytest.fixture(scope="module", autouse=True)
def _as_busy_as_others():
    """Ray's workers otherwise let every other process go first, and the tests wait for them."""
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 (its spelling)
    yield
    del os.environ["RAY_worker_niceness"]  # noqa: SIM112


@pytest.fixture
def folder(tmp_path):
    """A folder of inputs, and that of their results."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    return tmp_path / "in", tmp_path / "out"


def draw(path: Path, count: int) -> list[str]:
    for i in range(count):
        Image.fromarray(np.full((90, 60, 3), i, np.uint8)).save(path / f"{i:03d}.png")
    return [f"{i:03d}.png" for i in range(count)]


def made(out: Path) -> set[str]:
    return {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}


def of_images(names: list[str]) -> set[str]:
    return {f"{name}{suffix}" for name in names for suffix in (".jpg", ".json")}


def started(source: Path, out: Path, *options: str) -> subprocess.Popen:
    return subprocess.Popen([*COMMAND, str(source), "--out", str(out), *options], stderr=subprocess.PIPE, text=True)


def workers_of(process: subprocess.Popen) -> list[int]:
    """The processes of Ray's actors among a process's descendants."""
    rows = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    found = [(int(pid), int(parent), args) for pid, parent, args in (r.split(None, 2) for r in rows.splitlines())]
    family = {process.pid}
    for _ in range(4):
        family |= {pid for pid, parent, _ in found if parent in family}
    return [pid for pid, _, args in found if pid in family and args.startswith("ray::MapWorker")]


def wait_for_results(process: subprocess.Popen, out: Path, count: int) -> None:
    for _ in range(2400):
        if len(list(out.rglob("*.json"))) >= count:
            return
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.kill()
    pytest.fail("no results within two minutes")


def test_a_killed_worker_loses_and_doubles_nothing(folder):
    source, out = folder
    names = draw(source, 120)
    process = started(source, out, "--workers", "2")
    wait_for_results(process, out, 10)
    victim, *others = workers_of(process)
    os.kill(victim, signal.SIGKILL)
    at_the_kill = len(list(out.glob("*.json")))
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert len(others) == 1 and at_the_kill < len(names)
    assert f"{source}: {len(names)} done, in " in said.splitlines()[-1], said
    assert made(out) == of_images(names)
    for name in names:
        assert json.loads((out / f"{name}.json").read_text())["image"] == name
        assert read_image(out / f"{name}.jpg").shape == (90, 60, 3)
    print(f"killed after {at_the_kill} of {len(names)}; {said.splitlines()[-1]}")


CLUSTER = """
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
second = cluster.add_node(num_cpus=1)
print(cluster.address, flush=True)
input()
cluster.remove_node(second, allow_graceful=False)
input()
"""


@pytest.mark.slow
def test_a_machine_that_is_gone_loses_and_doubles_nothing(folder):
    """Two nodes, of which one goes for good: there is a worker less."""
    source, out = folder
    names = draw(source, 120)
    with (
        TemporaryDirectory() as folder_of_ray,  # where it would note its address for those who come later
        subprocess.Popen(
            [sys.executable, "-c", CLUSTER], env={**os.environ, "RAY_TMPDIR": folder_of_ray},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as cluster,
    ):  # fmt: skip
        process = started(source, out, "--address", cluster.stdout.readline().strip())
        wait_for_results(process, out, 20)
        print(file=cluster.stdin, flush=True)
        _, said = process.communicate(timeout=240)
        print(file=cluster.stdin, flush=True)
    assert process.returncode == 0, said
    assert f"{source}: {len(names)} done, in " in said.splitlines()[-1], said
    assert made(out) == of_images(names)


@pytest.mark.slow
def test_stopped_it_goes_on_and_lists_what_fails(folder):
    source, out = folder
    names = draw(source, 60) + [f"sub/{name}" for name in draw(source / "sub", 60)]
    write_video(source / "film.mp4", 20)
    (source / "bad.jpg").write_bytes(b"\xff\xd8\xff no image")
    process = started(source, out, "--detector", "whole", "--min-score", "0")
    wait_for_results(process, out, 10)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in said
    assert re.search(r"interrupted: \d+ done.*; the same command does the rest\n$", said), said
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.json*") if path.name != "failed.jsonl"}
    assert 10 <= len(before) < len(names)
    for attempt in range(2):
        process = started(source, out, "--detector", "whole", "--min-score", "0")
        _, said = process.communicate(timeout=120)
        assert process.returncode == 1 and "error: bad.jpg: " in said
        assert f"{len(before) if attempt == 0 else len(names) + 1} were done before, 1 failed" in said
        assert made(out) == of_images(names) | {"film.mp4.mp4", "film.mp4.jsonl", "failed.jsonl"}
        [failure] = [json.loads(line) for line in (out / "failed.jsonl").read_text().splitlines()]
        assert failure["input"] == "bad.jpg" and "damaged" in failure["error"]
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    assert not (out / UNFINISHED).exists()


def test_inputs_are_found_by_their_names(folder):
    source, _ = folder
    names = (
        "b.JPG",
        "a.png",
        "notes.txt",
        "sub/a.png",
        "small.mp4",
        "large.MOV",
        ".hidden/a.png",
        "out/x.jpg",
        "c.CR2",
    )
    for name in (*names, "a.gif", "d.heic", "._a.png", "Thumbs.db", ".DS_Store", "sub/desktop.ini", "sub/@eaDir/a.png"):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_bytes(bytes({"large.MOV": 20, "a.gif": 5}.get(name, 10)))
    (source / "gone.mp4").symlink_to("nowhere.mp4")
    found, passed_over = find_inputs(source, source / "out")
    assert found == ["large.MOV", "small.mp4", "a.gif", "a.png", "b.JPG", "d.heic", "gone.mp4", "sub/a.png"]
    assert passed_over == {".txt": 1, ".cr2": 1}
    assert ", other files passed over: 2 (.cr2, .txt)" in str(Outcome(passed_over=passed_over))


def test_inputs_are_found_behind_links_once(folder):
    source, out = folder
    draw(source, 1)
    elsewhere = source.parent / "elsewhere"
    elsewhere.mkdir()
    draw(elsewhere, 2)
    (source / "more").symlink_to(elsewhere)
    (elsewhere / "round").symlink_to(source)
    (source / "sub" / "up").symlink_to("..")
    assert find_inputs(source, out)[0] == ["000.png", "more/000.png", "more/001.png"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "none.onnx"], "no model file"),
        (["--detector", "onnx"], "needs weights"),
        (["--batch", "0"], "from 1 up, got 0"),
        (["--detect-every", "0"], "from 1 up, got 0"),
        (["--workers", "0"], "--workers is a number from 1 up, got 0"),
        (["--threads", "-2"], "--threads is a number from 1 up, got -2"),
        (["--memory", "nan"], "--memory is a number from 0 up, got nan"),
        (["--out", "{source}"], "are the same folder"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(folder, options, message, capsys):
    source, out = folder
    draw(source, 1)
    assert main([str(source), "--out", str(out), *(option.format(source=source) for option in options)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1
    assert made(source.parent) == {"in/000.png"}


@pytest.mark.parametrize(
    ("theirs", "message"),
    [
        ("out/000.png.jpg", "exists, and UniPose did not make it"),
        ("out/film.mp4.mp4", "exists, and UniPose did not make it"),
        ("out/failed.jsonl", "exists, and UniPose did not make it"),
        ("out/000.png.jpg -> in/001.png", "would overwrite what it is made from"),
        ("out/000.png.jpg -> model.onnx", "would overwrite what it is made from"),
        ("out/failed.jsonl -> model.onnx", "would overwrite what it is made from"),
    ],
)
def test_nobody_loses_a_file(folder, theirs, message, capsys):
    source, out = folder
    draw(source, 2)
    write_video(source / "film.mp4", 4)
    out.mkdir()
    name, _, target = theirs.partition(" -> ")
    path = source.parent / name
    options = []
    if target:
        path.symlink_to(source.parent / target)
    if target == "model.onnx":
        (source.parent / target).write_bytes(b"weights")
        options = ["--model", str(source.parent / target), "--force"]
    if not target:
        path.write_bytes(b"mine")
    before = {file: file.read_bytes() for file in source.parent.rglob("*") if file.is_file()}
    assert main([str(source), "--out", str(out), *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1
    assert before == {file: file.read_bytes() for file in source.parent.rglob("*") if file.is_file()}


def test_its_own_list_of_failures_is_replaced(folder):
    path = folder[0] / "failed.jsonl"
    path.write_text(json.dumps({"input": "a.jpg", "error": "damaged"}) + "\n")
    assert lists_failures(path)
    path.write_text('{"inputs": 3}\n')
    assert not lists_failures(path)


def test_there_must_be_something_to_do(folder, capsys):
    assert main([str(folder[0]), "--out", str(folder[1])]) == 2
    assert "holds no images or videos" in capsys.readouterr().err
    assert main([str(folder[0] / "none"), "--out", str(folder[1])]) == 2
    assert "is no folder" in capsys.readouterr().err
