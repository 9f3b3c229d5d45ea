import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import prepare_lsp
import pytest

from unipose.datasets.synthetic.images import draw_sample
from unipose.evaluate import main
from unipose.weights import default_model, named_model


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    draw_sample(folder, count=30, seed=4, figures=(1,))
    return folder / "train.json"


def test_a_table_and_json_with_hashes(sample, tmp_path, capsys):
    report_path = tmp_path / "new" / "report.json"
    assert main(["default", str(sample), "--json", str(report_path)]) == 0
    report = json.loads(report_path.read_text())
    assert report["model"]["sha256"] == hashlib.sha256(default_model().read_bytes()).hexdigest()
    assert report["data"]["sha256"] == hashlib.sha256(sample.read_bytes()).hexdigest()
    assert (report["metric"], report["people"], report["boxes"], report["flip"]) == ("PCK@0.2", 24, "truth", False)
    assert len(report["per_keypoint"]) == 14
    assert report["mean"] == pytest.approx(sum(report["per_keypoint"].values()) / 14)
    table = capsys.readouterr().out
    assert f"PCK@0.2 of {default_model().name}, 24 people" in table
    assert "left_wrist" in table and f"{report['mean']:.1f}" in table and report["model"]["sha256"][:12] in table


def test_the_default_is_the_file_that_the_engine_reads(sample, tmp_path):
    assert main(["default", str(sample), "--engine", "torch", "--json", str(tmp_path / "r.json")]) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["model"]["file"], report["engine"]) == ("unipose-s.safetensors", "torch")


def test_decoders_compared_and_a_page_with_the_worst_cases(sample, tmp_path):
    assert main(["int8", str(sample), "--compare", "--report", str(tmp_path), "--json", str(tmp_path / "r.json")]) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["model"]["file"] == "unipose-s-int8.onnx"
    assert set(report["decoders"]) == {"argmax", "quadratic", "dark", "argmax, flip", "quadratic, flip", "dark, flip"}
    assert report["decoders"]["dark"] == report["mean"]
    assert len(report["by_size"]) == 3
    assert "Worst cases" in (tmp_path / "report.html").read_text()
    assert cv2.imread(str(tmp_path / "gallery.png")).shape == (1600, 1200, 3)
    assert cv2.imread(str(tmp_path / "reliability.png")).std() > 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["default", "none.json"], "none.json"),
        (["none.onnx", "SAMPLE"], "no model file none.onnx"),
        (
            ["default", "SAMPLE", "--boxes", "none.json"],
            "no file for --boxes (truth, detector or detections) none.json",
        ),
        (["default", "SAMPLE", "--metric", "pckh"], "no head_size"),
        (["default", "SAMPLE", "--share", "0.5"], "needs --boxes detector"),
        (["default", "SAMPLE", "--share", "1.5", "--boxes", "detector"], "--share is a number from 0 to 1, got 1.5"),
        (["default", "SAMPLE", "--empty", "."], "needs --boxes detector"),
        (["default", "SAMPLE", "--empty", "configs", "--boxes", "detector"], "no images"),
        (["default", "SAMPLE", "--boxes", "README.md"], "only --metric ap"),
        (["default", "SAMPLE", "--boxes", "found.json", "--metric", "ap"], "found.json"),
    ],
)
def test_errors_are_one_line(sample, capsys, arguments, message):
    assert main([str(sample) if word == "SAMPLE" else word for word in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error


def test_photos_without_people_score_less(sample, tmp_path, capsys):
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.full((90, 120, 3), 80 * i, np.uint8))
    result = tmp_path / "r.json"
    arguments = ["default", str(sample), "--boxes", "detector", "--empty", str(tmp_path), "--json", str(result)]
    assert main(arguments) == 0
    report = json.loads(result.read_text())
    empty = report["empty"]
    assert empty["photos"] == 3 and empty["auroc"] > 0.9 and empty["median_with_person"] > empty["median_without"]
    assert f"{empty['auroc']:.3f}" in capsys.readouterr().out


def test_the_default_model_knows_people(real_data: Path, tmp_path):
    """On fifty photographs of LSP's test half, without any box: far more than chance, which is under 5 %."""
    assert prepare_lsp.main([str(real_data / "lsp_dataset.zip"), "--out", str(tmp_path)]) == 0
    content = json.loads((tmp_path / "test.json").read_text())
    content["annotations"] = content["annotations"][:50]
    (tmp_path / "fifty.json").write_text(json.dumps(content))
    assert (
        main(["default", str(tmp_path / "fifty.json"), "--boxes", "detector", "--json", str(tmp_path / "r.json")]) == 0
    )
    assert json.loads((tmp_path / "r.json").read_text())["mean"] > 40


INPUT, OTHER = "would overwrite what it is made from", "exists, and UniPose did not make it"
REPORT = ("report.html", "gallery.png", "reliability.png")


@pytest.fixture
def theirs(tmp_path):
    """A set, a model, boxes of a detector and photos of nobody, and files that UniPose did not make."""
    draw_sample(tmp_path / "set", count=5, seed=4, figures=(1,))
    (tmp_path / "model.onnx").write_bytes(named_model("fp32").read_bytes())
    (tmp_path / "finder.onnx").write_bytes(named_model("finder").read_bytes())
    (tmp_path / "empty").mkdir()
    cv2.imwrite(str(tmp_path / "empty" / "a.png"), np.zeros((90, 120, 3), np.uint8))
    for name in ("boxes.json", "theirs.json", *(f"mine/{name}" for name in REPORT)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("[1]")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message", "force"),
    [
        *(
            (["--json", name], INPUT, force)
            for name in ("set/train.json", "model.onnx", "set/images/00002.jpg")
            for force in ([], ["--force"])
        ),
        (["--json", "boxes.json", "--boxes", "boxes.json", "--metric", "ap"], INPUT, ["--force"]),
        (["--json", "finder.onnx", "--boxes", "detector", "--detector-weights", "finder.onnx"], INPUT, ["--force"]),
        (["--json", "empty/a.png", "--boxes", "detector", "--empty", "empty"], INPUT, ["--force"]),
        (["--json", "theirs.json"], OTHER, []),
        (["--json", "new/report.html", "--report", "new"], "would be written twice", ["--force"]),
        (["--report", "mine"], f"report.html {OTHER}", []),
        (["--report", "theirs.json"], "theirs.json is no folder", []),
        *((["--report", "links"], INPUT, force) for force in ([], ["--force"])),
    ],
)
def test_nobody_loses_a_file(theirs, capsys, monkeypatch, arguments, message, force):
    monkeypatch.chdir(theirs)
    (theirs / "links").mkdir()
    (theirs / "links" / "gallery.png").symlink_to(theirs / "model.onnx")
    before = {path: path.read_bytes() for path in theirs.rglob("*") if path.is_file()}
    assert main(["model.onnx", "set/train.json", *arguments, *force]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1
    assert {path: path.read_bytes() for path in theirs.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", REPORT)
def test_a_report_replaces_a_report_alone(theirs, capsys, name):
    """Each of its files, whichever somebody else's has the name of."""
    folder = theirs / "report"
    folder.mkdir()
    (folder / name).write_bytes((theirs / "set" / "images" / "00001.jpg").read_bytes())
    command = [str(theirs / "model.onnx"), str(theirs / "set" / "train.json"), "--report", str(folder)]
    assert main(command) == 2
    assert f"{name} {OTHER}" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == [name]
    assert main([*command, "--force"]) == 0
    assert main(command) == 0  # now it is a report
    assert sorted(path.name for path in folder.iterdir()) == sorted(REPORT)


def test_a_finder_is_reported_without_poses(theirs, capsys):
    folder = theirs / "report"
    assert main(["finder", str(theirs / "set" / "train.json"), "--report", str(folder)]) == 0
    assert [path.name for path in folder.iterdir()] == ["report.html"]
    page = (folder / "report.html").read_text()
    assert "box AP of finder-s.onnx" in page and "AP_large" in page and "Worst cases" not in page
    assert "box AP of finder-s.onnx, 4 people" in capsys.readouterr().out
