import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.video_files import times, write_video
from unipose import batch
from unipose.core.image import read_image
from unipose.pipelines.options import VideoOptions
from unipose.pipelines.worker import ATTEMPTS, UNFINISHED, BatchOptions, Worker


@pytest.fixture
def options(tmp_path) -> BatchOptions:
    """Of a batch whose results' folder is ready."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "out" / UNFINISHED).mkdir(parents=True)
    return batch.read_batch(
        batch._parser().parse_args(
            [f"{tmp_path}/in", "--out", f"{tmp_path}/out", "--detector", "whole", "--min-score", "0"]
        )
    )


def draw(path: Path) -> None:
    Image.fromarray(np.full((60, 40, 3), 90, np.uint8)).save(path)


def told(worker: Worker, *names: str) -> dict[str, str]:
    return {row["input"]: row["error"] for row in worker({"inputs": list(names)})}


def test_images_and_videos_have_results_beside_each_other(options):
    for name in ("a.jpg", "a.png", "sub/a.jpg"):
        draw(options.source / name)
    write_video(options.source / "a.mp4", 5)
    names = ["a.jpg", "a.png", "sub/a.jpg", "a.mp4"]
    assert told(Worker(options, 1), *names) == dict.fromkeys(names, "")
    for name in names[:3]:
        assert json.loads((options.out / f"{name}.json").read_text())["image"] == Path(name).name
        assert read_image(options.out / f"{name}.jpg").shape == (60, 40, 3)
    assert len((options.out / "a.mp4.jsonl").read_text().splitlines()) == len(times(options.out / "a.mp4.mp4")) == 5
    assert not list((options.out / UNFINISHED).iterdir())


def test_what_fails_leaves_nothing_and_the_others_go_on(options):
    draw(options.source / "good.jpg")
    (options.source / "bad.jpg").write_bytes((options.source / "good.jpg").read_bytes()[:200])
    (options.source / "bad.mkv").write_bytes(b"no video")
    write_video(options.source / "short.mkv", 60, size_wh=(320, 240))
    film = (options.source / "short.mkv").read_bytes()
    (options.source / "short.mkv").write_bytes(film[: len(film) // 2])
    errors = told(Worker(options, 1), "bad.jpg", "bad.mkv", "short.mkv", "none.jpg", "good.jpg")
    said = {"bad.jpg": "damaged", "bad.mkv": "cannot be read", "short.mkv": "breaks off", "none.jpg": "No such"}
    for name, message in {**said, "good.jpg": ""}.items():
        assert message in errors[name] and bool(errors[name]) == bool(message)
    made = {path.name for path in options.out.rglob("*") if path.is_file()}
    assert made == {"good.jpg.jpg", "good.jpg.json"}


def test_what_is_done_is_not_made_again(options, monkeypatch):
    draw(options.source / "a.jpg")
    worker = Worker(options, 1)
    assert told(worker, "a.jpg") == {"a.jpg": ""}
    monkeypatch.setattr("unipose.pipelines.worker.predict_image", lambda *_: pytest.fail("made again"))
    assert told(worker, "a.jpg") == {"a.jpg": ""}


def test_warnings_are_told_with_their_input(options):
    write_video(options.source / "a.mov", 5, sound=True, sound_codec="pcm_alaw")
    draw(options.source / "b.jpg")
    first, second = Worker(options, 1)({"inputs": ["a.mov", "b.jpg"]})
    assert first["warnings"].startswith(f"{options.source / 'a.mov'}: its sound is left out: pcm_alaw does not fit")
    assert (first["error"], second["error"], second["warnings"]) == ("", "", "")


def test_the_poses_appear_last(options, monkeypatch):
    draw(options.source / "a.jpg")
    worker, place_file = Worker(options, 1), Path.replace

    def fail_for_the_poses(path, place):
        if place == options.results("a.jpg")[-1]:
            raise OSError(28, "No space left on device")
        return place_file(path, place)

    monkeypatch.setattr(Path, "replace", fail_for_the_poses)
    assert "No space left" in told(worker, "a.jpg")["a.jpg"]
    assert [path.exists() for path in options.results("a.jpg")] == [True, False]
    monkeypatch.undo()
    assert told(worker, "a.jpg") == {"a.jpg": ""}
    assert [path.exists() for path in options.results("a.jpg")] == [True, True]


def test_an_input_of_which_workers_die_is_given_up(options, monkeypatch):
    class Died(BaseException):
        """Unlike an error, it is not told."""

    def die(*_):
        raise Died

    for name in ("deadly.jpg", "good.jpg"):
        draw(options.source / name)
    worker = Worker(options, 1)
    monkeypatch.setattr("unipose.pipelines.worker.predict_image", die)
    monkeypatch.setattr("tempfile.TemporaryDirectory.cleanup", lambda self: self._finalizer.detach())  # nobody is left
    for _ in range(ATTEMPTS):
        with pytest.raises(Died):
            told(worker, "deadly.jpg")
    monkeypatch.undo()
    assert told(worker, "deadly.jpg", "good.jpg") == {"deadly.jpg": f"{ATTEMPTS} workers died of it", "good.jpg": ""}


def test_lines_of_another_form_are_another_result(options):
    other = replace(options, video=VideoOptions(format="csv"))
    assert [path.name for path in options.results("a.mp4")] == ["a.mp4.mp4", "a.mp4.jsonl"]
    assert [path.name for path in other.results("a.mp4")] == ["a.mp4.mp4", "a.mp4.csv"]
