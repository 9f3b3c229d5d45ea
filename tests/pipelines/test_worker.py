import argparse
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.video_files import times, write_video
from unipose import batch
from unipose.core.image import read_image
from unipose.pipelines.worker import ATTEMPTS, UNFINISHED, Worker, results


@pytest.fixture
def arguments(tmp_path):
    """Of a batch whose results' folder is ready."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "out" / UNFINISHED).mkdir(parents=True)
    return batch._parser().parse_args([f"{tmp_path}/in", "--out", f"{tmp_path}/out", "--min-score", "0"])


def draw(path: Path) -> None:
    Image.fromarray(np.full((60, 40, 3), 90, np.uint8)).save(path)


def told(worker: Worker, *names: str) -> dict[str, str]:
    return {row["input"]: row["error"] for row in worker({"inputs": list(names)})}


def test_images_and_videos_have_results_beside_each_other(arguments):
    for name in ("a.jpg", "a.png", "sub/a.jpg"):
        draw(arguments.source / name)
    write_video(arguments.source / "a.mp4", 5)
    names = ["a.jpg", "a.png", "sub/a.jpg", "a.mp4"]
    assert told(Worker(arguments, 1), *names) == dict.fromkeys(names, "")
    for name in names[:3]:
        assert json.loads((arguments.out / f"{name}.json").read_text())["image"] == Path(name).name
        assert read_image(arguments.out / f"{name}.jpg").shape == (60, 40, 3)
    assert len((arguments.out / "a.mp4.jsonl").read_text().splitlines()) == len(times(arguments.out / "a.mp4.mp4")) == 5
    assert not list((arguments.out / UNFINISHED).iterdir())


def test_what_fails_leaves_nothing_and_the_others_go_on(arguments):
    draw(arguments.source / "good.jpg")
    (arguments.source / "bad.jpg").write_bytes((arguments.source / "good.jpg").read_bytes()[:200])
    (arguments.source / "bad.mkv").write_bytes(b"no video")
    write_video(arguments.source / "short.mkv", 60, size_wh=(320, 240))
    film = (arguments.source / "short.mkv").read_bytes()
    (arguments.source / "short.mkv").write_bytes(film[: len(film) // 2])
    errors = told(Worker(arguments, 1), "bad.jpg", "bad.mkv", "short.mkv", "none.jpg", "good.jpg")
    said = {"bad.jpg": "damaged", "bad.mkv": "cannot be read", "short.mkv": "breaks off", "none.jpg": "No such"}
    for name, message in {**said, "good.jpg": ""}.items():
        assert message in errors[name] and bool(errors[name]) == bool(message)
    made = {path.name for path in arguments.out.rglob("*") if path.is_file()}
    assert made == {"good.jpg.jpg", "good.jpg.json"}


def test_what_is_done_is_not_made_again(arguments, monkeypatch):
    draw(arguments.source / "a.jpg")
    worker = Worker(arguments, 1)
    assert told(worker, "a.jpg") == {"a.jpg": ""}
    monkeypatch.setattr("unipose.task.predict_photo", lambda *_: pytest.fail("made again"))
    assert told(worker, "a.jpg") == {"a.jpg": ""}


def test_the_poses_appear_last(arguments, monkeypatch):
    draw(arguments.source / "a.jpg")
    worker, replace = Worker(arguments, 1), Path.replace

    def fail_for_the_poses(path, place):
        if place.suffix == ".json":
            raise OSError(28, "No space left on device")
        return replace(path, place)

    monkeypatch.setattr(Path, "replace", fail_for_the_poses)
    assert "No space left" in told(worker, "a.jpg")["a.jpg"]
    assert [path.exists() for path in results(arguments, "a.jpg")] == [True, False]
    monkeypatch.undo()
    assert told(worker, "a.jpg") == {"a.jpg": ""}
    assert [path.exists() for path in results(arguments, "a.jpg")] == [True, True]


def test_an_input_of_which_workers_die_is_given_up(arguments, monkeypatch):
    class Died(BaseException):
        """Unlike an error, it is not told."""

    def die(*_):
        raise Died

    for name in ("deadly.jpg", "good.jpg"):
        draw(arguments.source / name)
    worker = Worker(arguments, 1)
    monkeypatch.setattr("unipose.task.predict_photo", die)
    monkeypatch.setattr("tempfile.TemporaryDirectory.cleanup", lambda self: self._finalizer.detach())  # nobody is left
    for _ in range(ATTEMPTS):
        with pytest.raises(Died):
            told(worker, "deadly.jpg")
    monkeypatch.undo()
    assert told(worker, "deadly.jpg", "good.jpg") == {"deadly.jpg": f"{ATTEMPTS} workers died of it", "good.jpg": ""}


def test_lines_of_another_form_are_another_result(arguments):
    other = argparse.Namespace(**{**vars(arguments), "format": "csv"})
    assert [path.name for path in results(arguments, "a.mp4")] == ["a.mp4.mp4", "a.mp4.jsonl"]
    assert [path.name for path in results(other, "a.mp4")] == ["a.mp4.mp4", "a.mp4.csv"]
