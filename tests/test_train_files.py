"""The files that a training leaves alone."""

import pytest

from tests.support.small_training import arguments
from unipose.train import main

RUN_FILES = (
    "config.yaml",
    "environment.jsonl",
    "log.jsonl",
    "curves.png",
    "predictions.jpg",
    "last.safetensors",
    "best.safetensors",
)


@pytest.mark.parametrize("name", RUN_FILES)
def test_a_run_replaces_no_file_of_somebody_elses(sample, tmp_path, capsys, name):
    run = tmp_path / "run"
    run.mkdir()
    (run / name).write_text("model: {}\n")
    assert main(arguments(sample, run)) == 2
    error = capsys.readouterr().err
    assert f"{name} exists, and UniPose did not make it" in error and error.count("\n") == 1
    assert [path.name for path in run.iterdir()] == [name] and (run / name).read_text() == "model: {}\n"
    if name == "environment.jsonl":  # which is otherwise added to
        assert main([*arguments(sample, run, "train.epochs=1"), "--force"]) == 0
        assert len((run / name).read_text().splitlines()) == 1


def test_a_run_does_not_replace_what_it_starts_from(sample, tmp_path, capsys):
    run = tmp_path / "run"
    assert main(arguments(sample, run, "train.epochs=1")) == 0
    (run / "last.pt").unlink()
    before = {path: path.read_bytes() for path in run.glob("*.*")}
    for force in ([], ["--force"]):
        assert main(arguments(sample, run, f"model.start={run}/last.safetensors", *force)) == 2
        assert "last.safetensors would overwrite what it is made from" in capsys.readouterr().err
    assert main(["--resume", *arguments(sample, run)]) == 2
    assert {path: path.read_bytes() for path in run.glob("*.*")} == before
    assert {path.name for path in before} == set(RUN_FILES)
    assert main([str(run / "config.yaml"), "train.epochs=1"]) == 0  # its own files are replaced, whatever they lack


def test_a_configuration_of_somebody_elses_is_not_replaced_by_what_it_says(sample, tmp_path, capsys):
    text = f"# mine\nmodel: {{trunk: res2net_s}}\ntrain: {{run: {tmp_path}}}\n"
    (tmp_path / "config.yaml").write_text(text)
    for words in ([], ["--force"], ["--resume"]):
        assert main([str(tmp_path / "config.yaml"), *words]) == 2
        assert "config.yaml would overwrite what it is made from" in capsys.readouterr().err
    assert (tmp_path / "config.yaml").read_text() == text


def test_the_drawn_set_replaces_no_file_of_somebody_elses(tmp_path, capsys):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "test.json").write_text("[]")
    assert main([f"train.run={tmp_path}"]) == 2
    assert "test.json exists, and UniPose did not make it" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["data", "test.json"]
