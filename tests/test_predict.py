import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import sleep
from zipfile import ZipFile

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.support.onnx_files import INPUTS, PERSON, constant, yolox_rows
from tests.support.ramps import ramp_image
from unipose.datasets.synthetic.images import draw_sample
from unipose.inference.detectors.detector import DETECTORS
from unipose.predict import main
from unipose.weights import default_model, named_model

ONE, FOUR = "000000000785", "000000196141"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    draw_sample(folder, count=5, seed=2)
    return sorted((folder / "images").glob("*.jpg"))[:2]


@pytest.fixture(scope="module")
def real_photos(real_data, tmp_path_factory):
    """Of a skier, and of people at baseball."""
    folder = tmp_path_factory.mktemp("real")
    with ZipFile(real_data / "coco_sample.zip") as archive:
        return [Path(archive.extract(f"val2017/{name}.jpg", folder)) for name in (ONE, FOUR)]


@pytest.fixture
def empty(tmp_path):
    """A photograph of nobody."""
    path = tmp_path / "empty.jpg"
    Image.fromarray(np.full((300, 400, 3), 128, np.uint8)).save(path)
    return path


def poses_of(out, photo):
    return json.loads((out / f"{photo.stem}.pose.json").read_text())["poses"]


def test_what_was_found_is_said_drawn_and_written(real_photos, empty, tmp_path, capsys):
    out = tmp_path / "new" / "out"
    assert main([*map(str, [*real_photos, empty]), "--out", str(out)]) == 0
    said = dict(line.rsplit(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert list(said) == [str(out / f"{photo.stem}.pose.jpg") for photo in [*real_photos, empty]]
    one, several, none = said.values()
    assert (one, none) == ("1 person", "no person found") and int(several.removesuffix(" people")) >= 3
    for photo, count in zip([*real_photos, empty], (1, int(several.split()[0]), 0), strict=True):
        answer = json.loads((out / f"{photo.stem}.pose.json").read_text())
        picture = cv2.imread(str(out / f"{photo.stem}.pose.jpg"))
        assert picture.shape[:2] == (answer["height"], answer["width"]) == cv2.imread(str(photo)).shape[:2]
        assert answer["model"]["name"] == default_model().stem and answer["model"]["skeleton"] == "body19"
        assert len(answer["poses"]) == count
        scores = [pose["score"] for pose in answer["poses"]]
        assert scores == sorted(scores, reverse=True) and all(0 <= score <= 1 for score in scores)
        for pose in answer["poses"]:
            assert len(pose["keypoints"]) == 19
            assert all(np.isfinite([k["x"], k["y"]]).all() and 0 <= k["score"] <= 1 for k in pose["keypoints"])


def test_as_many_people_are_told_as_wanted_and_as_likely(real_photos, tmp_path):
    found = {}
    for name, options in {
        "all": [], "two": ["--max-people", "2"], "likely": ["--min-score", "0.9"], "any": ["--min-score", "0"],
    }.items():  # fmt: skip
        assert main([str(real_photos[1]), "--out", str(tmp_path / name), *options]) == 0
        found[name] = [pose["score"] for pose in poses_of(tmp_path / name, real_photos[1])]
    assert len(found["two"]) == 2 and set(found["two"]) < set(found["all"])  # the detector's best
    assert found["likely"] == [score for score in found["all"] if score >= 0.9]
    assert 1 <= len(found["likely"]) < len(found["all"]) < len(found["any"])


def test_the_decoder_is_chosen(real_photos, tmp_path):
    for name in ("dark", "quadratic"):
        assert main([str(real_photos[0]), "--out", str(tmp_path / name), "--decoder", name]) == 0
    dark, quadratic = (poses_of(tmp_path / name, real_photos[0])[0]["keypoints"] for name in ("dark", "quadratic"))
    apart = [abs(a["x"] - b["x"]) for a, b in zip(dark, quadratic, strict=True)]
    assert max(apart) > 0 and np.median(apart) < 3


@pytest.mark.parametrize("detector", [[], ["--detector", "finder"], ["--detector", "whole"]])
def test_a_given_box_is_the_answers_box(photos, tmp_path, detector):
    box = ["--box", "10", "12", "100", "150.5"]
    assert main([str(photos[0]), "--out", str(tmp_path), *box, "--flip", *detector]) == 0
    [pose] = poses_of(tmp_path, photos[0])
    assert pose["box"] == [10, 12, 100, 150.5]


def test_a_detector_finds_the_people(real_photos, tmp_path):
    """One that always says the same."""
    rows = yolox_rows(([30, 4, 60, 60], 0.8, PERSON), ([2, 4, 28, 60], 0.9, PERSON), ([0, 70, 60, 120], 0.5, PERSON))
    file = constant(tmp_path / "two.onnx", INPUTS["yolox"], exp=True, output=rows)
    options = ["--detector", "onnx", "--detector-weights", file, "--detector-threshold", "0.6", "--min-score", "0"]
    assert main([str(real_photos[0]), "--out", str(tmp_path), *options]) == 0
    assert len(poses_of(tmp_path, real_photos[0])) == 2


@pytest.mark.parametrize("spelling", ["{folder}", "{folder}/.", "{folder}/sub/..", "{folder}/link"])
@pytest.mark.parametrize("force", [[], ["--force"]])
@pytest.mark.parametrize("link", [None, Path.symlink_to, Path.hardlink_to])
def test_an_input_is_never_replaced(photos, tmp_path, capsys, spelling, force, link):
    """An input that is called as another's result, and a result's name that is a link to an input."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to(tmp_path)
    a, b = tmp_path / "a.jpg", tmp_path / "a.pose.jpg"
    a.write_bytes(photos[0].read_bytes())
    link(b, a) if link else b.write_bytes(photos[1].read_bytes())
    before = {path: path.read_bytes() for path in (a, b)}
    inputs = [str(a)] if link else [str(a), str(b)]
    assert main([*inputs, "--out", spelling.format(folder=tmp_path), *force]) == 2
    error = capsys.readouterr().err
    assert "a.pose.jpg would overwrite what it is made from" in error and error.count("\n") == 1
    assert before == {path: path.read_bytes() for path in (a, b)} and not list(tmp_path.glob("*.json"))


def test_a_folder_is_the_images_in_it_but_earlier_results(photos, tmp_path, capsys):
    """The same command twice, its results lying among the photos; other files and folders are none."""
    for photo, name in zip(photos, ("photo10.jpg", "photo9.JPG"), strict=True):
        (tmp_path / name).write_bytes(photo.read_bytes())
    (tmp_path / "notes.txt").write_text("none")
    (tmp_path / "old.jpg").mkdir()
    for _ in range(2):
        assert main([str(tmp_path), "--out", str(tmp_path)]) == 0
        lines = [line.split(":")[0] for line in capsys.readouterr().out.splitlines()]
        assert lines == [str(tmp_path / "photo9.pose.jpg"), str(tmp_path / "photo10.pose.jpg")]
    (tmp_path / "photo9.JPG").unlink()
    (tmp_path / "photo10.jpg").unlink()
    assert main([str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert f"{tmp_path} holds no images but earlier results" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--model", "--detector-weights"])
def test_a_model_is_an_input_too(photos, tmp_path, capsys, option):
    model, name = tmp_path / "model.onnx", "default" if option == "--model" else "finder"
    model.write_bytes(named_model(name).read_bytes())
    (tmp_path / f"{photos[0].stem}.pose.json").symlink_to(model)
    assert main([str(photos[0]), "--out", str(tmp_path), option, str(model), "--force"]) == 2
    assert "would overwrite what it is made from" in capsys.readouterr().err
    assert model.read_bytes() == named_model(name).read_bytes()


@pytest.mark.parametrize("suffix", [".jpg", ".json"])
def test_a_file_of_somebody_elses_is_kept_unless_forced(photos, tmp_path, capsys, suffix):
    theirs, command = tmp_path / f"{photos[0].stem}.pose{suffix}", [str(photos[0]), "--out", str(tmp_path)]
    theirs.write_bytes(photos[1].read_bytes())
    assert main(command) == 2
    error = capsys.readouterr().err
    assert f"{theirs} exists, and UniPose did not make it" in error and error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == [theirs.name]
    assert theirs.read_bytes() == photos[1].read_bytes()
    assert main([*command, "--force"]) == 0
    assert main(command) == 0  # now it is a result


def test_a_photo_stays_where_its_results_lie_beside_it(photos, tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(photos[0].read_bytes())
    for _ in range(2):
        assert main([str(photo), "--out", str(tmp_path)]) == 0
    assert photo.read_bytes() == photos[0].read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.jpg", "photo.pose.jpg", "photo.pose.json"]


def test_without_out_results_lie_beside_each_photo(photos, tmp_path, monkeypatch, capsys):
    (tmp_path / "a" / "b").mkdir(parents=True)
    for photo, place in zip(photos, ("a/one.jpg", "a/b/two.png"), strict=True):
        (tmp_path / place).write_bytes(photo.read_bytes())
    monkeypatch.chdir(tmp_path / "a")
    assert main(["one.jpg", "b"]) == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == ["one.pose.jpg", "b/two.pose.jpg"]
    results = ["a/b/two.pose.jpg", "a/b/two.pose.json", "a/one.pose.jpg", "a/one.pose.json"]
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.pose.*")) == results


@pytest.fixture
def address(photos, monkeypatch):
    """Of the folder with the photos."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=photos[0].parent))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_address_is_fetched_and_its_results_lie_here(photos, address, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    good, bad = address + photos[0].name, address  # which is the list of files, a page
    assert main([good, bad]) == 1
    told = capsys.readouterr()
    assert told.out.startswith(f"{photos[0].stem}.pose.jpg: ")
    assert told.err.startswith(f"error: {bad}: the image is not a JPEG") and "web page" in told.err
    assert told.err.count("\n") == 1
    assert json.loads((tmp_path / f"{photos[0].stem}.pose.json").read_text())["image"] == photos[0].name
    assert main([str(photos[0]), "--out", str(tmp_path / "file")]) == 0
    assert poses_of(tmp_path, photos[0]) == poses_of(tmp_path / "file", photos[0])


def test_the_pictures_are_shown_where_there_is_a_display(photos, tmp_path, monkeypatch, capsys):
    """By a program in the place of the system's own."""
    viewer, shown = tmp_path / "bin" / "xdg-open", tmp_path / "shown"
    viewer.parent.mkdir()
    viewer.write_text(f'#!/bin/sh\necho "$1" >> {shown}\n')
    viewer.chmod(0o755)
    monkeypatch.setenv("PATH", str(viewer.parent), prepend=":")
    monkeypatch.setenv("DISPLAY", ":0")
    assert main([str(photos[0]), "--out", str(tmp_path), "--show"]) == 0
    for _ in range(200):
        if shown.exists() and shown.read_text().endswith("\n"):
            break
        sleep(0.02)
    assert shown.read_text() == f"{tmp_path / photos[0].stem}.pose.jpg\n" and not capsys.readouterr().err
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert main([str(photos[0]), "--out", str(tmp_path), "--show"]) == 0
    assert capsys.readouterr().err.startswith("nothing is shown: there is no display here")
    assert shown.read_text().count("\n") == 1


def test_not_more_windows_than_a_person_can_close(photos, tmp_path, capsys):
    for i in range(21):
        (tmp_path / f"{i}.jpg").write_bytes(photos[0].read_bytes())
    assert main([str(tmp_path), "--show"]) == 2
    assert "20 at most; these are 21" in capsys.readouterr().err


def test_one_bad_image_does_not_stop_the_others(photos, tmp_path, capsys):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(photos[0].read_bytes()[:500])
    missing = tmp_path / "none.jpg"
    assert main([str(bad), str(missing), str(photos[0]), "--out", str(tmp_path / "out")]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert [line.startswith("error: ") for line in errors] == [True, True]
    assert "bad.jpg" in errors[0] and "damaged JPEG" in errors[0] and "none.jpg" in errors[1]
    assert (tmp_path / "out" / f"{photos[0].stem}.pose.json").exists()


def test_results_never_overwrite_each_other(tmp_path, capsys):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        Image.fromarray(ramp_image((30, 20))).save(tmp_path / folder / "x.png")
    assert main([str(tmp_path / "a" / "x.png"), str(tmp_path / "b" / "x.png"), "--out", str(tmp_path)]) == 2
    assert "same name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--model", "none.onnx"], "no model file"),
        (["--model", "int8", "--engine", "torch"], "torch reads .safetensors"),
        (["--device", "tpu"], "no device"),
        (["--detector", "onnx"], "needs weights"),
        (["--detector", "onnx", "--detector-weights", "none.onnx"], "no detector file none.onnx"),
        (["--detector", "whole", "--detector-weights", "a.onnx"], "has no weights"),
        (["--max-people", "0"], "from 1 up, got 0"),
        (["--min-score", "50"], "from 0 to 1, got 50"),
        (["--min-joint-score", "-1"], "from 0 to 1, got -1"),
        (["--detector-threshold", "50"], "from 0 to 1"),
        (["--detector", "onnx", "--box", "1", "2", "3", "4"], "give one of them"),
    ],
)
def test_wrong_options_are_one_line(photos, tmp_path, capsys, option, message):
    assert main([str(photos[0]), "--out", str(tmp_path), *option]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1


def test_a_missing_package_is_one_line(photos, tmp_path, capsys, monkeypatch):
    def needs_more(*_):
        raise ModuleNotFoundError("No module named 'torchvision'", name="torchvision")

    monkeypatch.setitem(DETECTORS, "torchvision", needs_more)
    assert main([str(photos[0]), "--out", str(tmp_path), "--detector", "torchvision", "--detector-weights", "x"]) == 2
    assert (
        capsys.readouterr().err
        == "error: this needs torchvision, which is not installed: pip install 'unipose[torch]'\n"
    )
