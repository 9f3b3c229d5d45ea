import subprocess
import sys

import pytest

from unipose.pipelines import ray_pool


def test_images_go_in_groups_and_videos_by_themselves():
    images = [f"{i}.jpg" for i in range(100)]
    groups = ray_pool.grouped(["b.mp4", "a.mov", *images], workers=2)
    assert groups[:2] == [["b.mp4"], ["a.mov"]]
    assert [name for group in groups[2:] for name in group] == images
    assert {len(group) for group in groups[2:-1]} == {12} and len(groups[-1]) <= 12
    assert ray_pool.grouped(["a.jpg"], workers=8) == [["a.jpg"]]
    assert {len(group) for group in ray_pool.grouped(images * 100, workers=2)} <= {
        ray_pool.GROUP,
        10_000 % ray_pool.GROUP,
    }


@pytest.mark.parametrize(
    ("machines", "workers", "threads", "shared"),
    [
        ([2], None, None, (2, 1)),
        ([2], 1, None, (1, 2)),
        ([2], 1, 1, (1, 1)),
        ([8], None, 2, (4, 2)),
        ([4, 4], 1, None, (1, 4)),
        ([4, 4, 0], 2, None, (2, 4)),
    ],
)
def test_the_cores_are_shared(machines, workers, threads, shared, monkeypatch):
    monkeypatch.setattr("ray.nodes", lambda: nodes(machines))
    assert ray_pool.share(workers, threads) == shared


@pytest.mark.parametrize(
    ("machines", "workers", "threads"), [([2], 3, None), ([2], 2, 2), ([3, 3], 3, 2), ([2], 1, 4), ([2], -1, None)]
)
def test_too_many_are_refused(machines, workers, threads, monkeypatch):
    monkeypatch.setattr("ray.nodes", lambda: nodes(machines))
    with pytest.raises(ValueError, match="do not fit"):
        ray_pool.share(workers, threads)


def nodes(machines):
    dead = {"Alive": False, "Resources": {"CPU": 64.0}}
    return [{"Alive": True, "Resources": {"CPU": float(cores)}} for cores in machines] + [dead]


BROKEN = """
import sys
from unipose import batch
from unipose.pipelines import ray_pool
class Broken:
    def __init__(self, *_):
        raise FileNotFoundError("no model file /elsewhere/m.onnx")
    def __call__(self, group):
        yield {}
ray_pool.Worker = Broken
sys.exit(batch.main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_workers_that_cannot_start_give_one_line(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"")
    command = [sys.executable, "-c", BROKEN, str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    said = "error: Ray's workers cannot work: FileNotFoundError: no model file /elsewhere/m.onnx"
    assert done.stderr.splitlines()[-1] == said
