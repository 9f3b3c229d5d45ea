import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

import unipose.train
from tests.support.small_training import arguments
from tests.training.test_distributed import TORCHRUN
from unipose.core import heatmap
from unipose.core.person_box import POINTS
from unipose.datasets.synthetic.images import draw_sample
from unipose.evaluate import main as evaluate
from unipose.export import main as export
from unipose.inference.loading import load
from unipose.modeling.checkpoint import load_model
from unipose.train import main
from unipose.training.config import read_config
from unipose.training.configuration import SAMPLE_CONFIG
from unipose.training.dataset import PoseDataset
from unipose.training.loop import Trainer


def test_a_run_leaves_everything_and_resumes(sample, tmp_path, capsys):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    assert main(arguments(sample, straight)) == 0
    assert main(arguments(sample, broken, "train.validate_every=9")) == 0
    lines = [json.loads(line) for line in (straight / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert lines[1]["loss"] < lines[0]["loss"]
    assert lines[0]["metric"] == "PCK@0.2" and 0 <= lines[0]["validation"] <= 100
    assert read_config(straight / "config.yaml") == read_config(None, arguments(sample, straight), SAMPLE_CONFIG)
    _, spec = load_model(straight / "best.safetensors")
    assert spec.provenance["data"][0]["people"] == 32 and spec.provenance["seed"] == 0
    assert not list(straight.glob("*.part"))
    [start] = map(json.loads, (straight / "environment.jsonl").read_text().splitlines())
    assert (start["epoch"], start["torch"], len(start["commit"] or "")) in [(1, torch.__version__, n) for n in (0, 40)]

    assert main(arguments(sample, straight)) == 2
    assert "already holds a run" in capsys.readouterr().err
    assert main(["--resume", *arguments(sample, tmp_path / "none")]) == 2
    assert "none holds no run to go on with" in capsys.readouterr().err
    kept = {path: path.read_bytes() for path in straight.glob("*.*")}
    assert main([*arguments(sample, straight), "--resume", "train.lr=0.1", "train.loss=mse"]) == 2
    error = capsys.readouterr().err
    assert f"{straight} was begun with other settings: " in error and error.count("\n") == 1
    assert 'train.loss="mse", and it was "cross_entropy"' in error and "train.lr=0.1, and it was 0.002" in error
    assert kept == {path: path.read_bytes() for path in straight.glob("*.*")}


def test_deterministic_runs_are_equal(sample, tmp_path):
    runs = [tmp_path / "a", tmp_path / "b"]
    try:
        for run in runs:
            assert main(arguments(sample, run, "train.epochs=1", "train.deterministic=true")) == 0
            assert torch.are_deterministic_algorithms_enabled() and not torch.backends.cudnn.benchmark
    finally:
        torch.use_deterministic_algorithms(False)
    first, second = (load_model(run / "last.safetensors")[0].state_dict() for run in runs)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_network_with_box_maps_says_where_the_person_is(sample, tmp_path, capsys):
    """Its own box, trained for and decoded, in place of the one around the keypoints."""
    run = tmp_path / "run"
    words = ["model.box_maps=true", "train.epochs=1", "augment.rotation=0", "augment.scale=[0.5,1]"]
    assert main(arguments(sample, run, *words)) == 0
    _, spec = load_model(run / "last.safetensors")
    assert spec.skeleton.keypoints[-5:] == POINTS and len(spec.skeleton.keypoints) == 14 + 5
    photo, words = sample / "images" / "00001.jpg", ["--boxes", "detector", "--detector", "box_maps"]
    looks = {name: load(run / "last.safetensors", detector=name)(photo)[0] for name in ("whole", "box_maps")}
    assert not np.allclose(looks["whole"].box_xyxy, looks["box_maps"].box_xyxy)
    assert evaluate([str(run / "last.safetensors"), str(sample / "test.json"), *words]) == 0
    assert evaluate(["fp32", str(sample / "test.json"), *words]) == 2
    assert "unipose-s has no box maps: train it with model.box_maps=true" in capsys.readouterr().err


def test_a_run_goes_on_elsewhere_but_not_on_other_data(sample, tmp_path, capsys):
    """Run and data moved to other folders; then a label is changed, which no setting tells."""
    data, run = tmp_path / "here" / sample.name, tmp_path / "run"
    shutil.copytree(sample, data)
    assert main(arguments(data, run, "train.epochs=1")) == 0
    there, moved = tmp_path / "there" / sample.name, tmp_path / "moved"
    data.rename(there.parent.mkdir() or there)
    run.rename(moved)
    assert main([*arguments(there, moved, "train.workers=1"), "--resume"]) == 0
    assert len(losses(moved)) == 2
    labels = there / "train.json"
    labels.write_text(labels.read_text().replace("drawn figures", "other figures"))
    capsys.readouterr()
    assert main([*arguments(there, moved, "train.epochs=3"), "--resume"]) == 2
    error = capsys.readouterr().err
    assert f"{sample.name}/train.json changed since the run was begun" in error and error.count("\n") == 1
    assert len(losses(moved)) == 2


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("fault", ["damaged", "missing"])
def test_an_image_that_cannot_be_read_any_more_is_named_in_one_line(
    sample, tmp_path, capsys, monkeypatch, workers, fault
):
    """Whoever reads it: a loader's process would send its traceback along."""
    data = tmp_path / "data"
    shutil.copytree(sample, data)
    build = unipose.train.build_run

    def build_and_break(*arguments):
        run = build(*arguments)
        for image in (data / "images").iterdir():
            image.write_bytes(image.read_bytes()[:300]) if fault == "damaged" else image.unlink()
        return run

    monkeypatch.setattr(unipose.train, "build_run", build_and_break)
    assert main(arguments(data, tmp_path / "run", f"train.workers={workers}")) == 2
    error = capsys.readouterr().err
    why = "is a damaged JPEG file" if fault == "damaged" else "No such file"
    assert why in error and f"{data}/images/" in error and error.count("\n") == 1
    assert "Traceback" not in error and "Caught" not in error


def test_a_loader_that_dies_is_one_line(sample, tmp_path, capsys, monkeypatch):
    """As the kernel kills one where memory is short."""
    monkeypatch.setattr(PoseDataset, "__getitem__", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    assert main(arguments(sample, tmp_path / "run", "train.workers=1")) == 2
    error = capsys.readouterr().err
    assert "error: a loader's process died" in error and "train.workers" in error and error.count("\n") == 1


def test_a_device_whose_memory_is_too_small_is_one_line(sample, tmp_path, capsys, monkeypatch):
    def too_much(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has a total of 1 GiB")

    monkeypatch.setattr(Trainer, "forward_backward", too_much)
    assert main(arguments(sample, tmp_path / "run")) == 2
    error = capsys.readouterr().err
    assert "CUDA out of memory" in error and "try a lower train.batch_size than 8" in error and error.count("\n") == 1


@pytest.mark.parametrize("content", [b"", b"not a state", None])
def test_a_damaged_state_is_one_line(sample, tmp_path, capsys, content):
    run = tmp_path / "run"
    assert main(arguments(sample, run, "train.epochs=1")) == 0
    state = run / "last.pt"
    state.write_bytes(state.read_bytes()[:900] if content is None else content)
    capsys.readouterr()
    assert main([*arguments(sample, run), "--resume"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {state} is damaged or holds no weights") and error.count("\n") == 1


def losses(run):
    """The loss of each epoch done."""
    path = run / "log.jsonl"
    return [json.loads(line)["loss"] for line in path.read_text().splitlines()] if path.exists() else []


TRAIN = [sys.executable, "-m", "unipose.train"]


def kill_and_resume(words, run, kill_in):
    """Train in a process that is killed within the epoch after `kill_in`, then in another that goes on."""
    process = subprocess.Popen([*TRAIN, *words], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(losses(run)) < kill_in and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)
    process.kill()
    process.wait()
    assert kill_in <= len(losses(run)) < 3
    subprocess.run([*TRAIN, *words, "--resume"], check=True, capture_output=True)


@pytest.mark.parametrize(("kill_in", "resident"), [(1, "none"), (2, "none"), (1, "gpu")])
def test_killed_at_any_moment_and_resumed_equals_uninterrupted(sample, tmp_path, kill_in, resident):
    """SIGKILL in the middle of an epoch; the resumed run ends with the same bits as one that was not interrupted."""
    words = ["train.epochs=3", "train.validate_every=9", f"data.resident={resident}", "augment.appearance=1"]
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    subprocess.run([*TRAIN, *arguments(sample, straight, *words)], check=True, capture_output=True)
    kill_and_resume(arguments(sample, killed, *words), killed, kill_in)
    assert losses(killed) == losses(straight)
    assert (killed / "last.safetensors").read_bytes() == (straight / "last.safetensors").read_bytes()


@pytest.mark.slow
def test_a_compiled_training_is_the_plain_one(sample, tmp_path, monkeypatch):
    """train.compile: the same losses up to float32's rounding; a model file that exports; killed, the same run."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))  # compiled once for the three
    words = ["train.epochs=3", "train.precision=fp32"]
    plain, compiled, killed = tmp_path / "plain", tmp_path / "compiled", tmp_path / "killed"
    assert main(arguments(sample, plain, *words)) == 0
    assert main(arguments(sample, compiled, *words, "train.compile=true")) == 0
    assert losses(compiled) == pytest.approx(losses(plain), rel=0.01)
    assert losses(compiled)[0] == pytest.approx(losses(plain)[0], rel=1e-3)  # rounding has not yet been learned from
    assert export([str(compiled / "last.safetensors"), str(tmp_path / "compiled.onnx")]) == 0
    kill_and_resume(arguments(sample, killed, *words, "train.compile=true"), killed, 1)
    assert losses(killed) == losses(compiled)


@pytest.mark.slow
def test_pictures_on_the_device_and_bf16_reach_what_the_ordinary_training_reaches(tmp_path):
    """As near to it as two of its seeds are to each other."""
    draw_sample(tmp_path / "set", 240, seed=1, figures=(1,))
    options = ["train.epochs=10", "train.validate_every=10", "augment.appearance=1", "augment.occlusion=0.25"]
    trainings = {
        "one": ["train.precision=fp32"],
        "other": ["train.precision=fp32", "train.seed=1"],
        "device": ["train.precision=fp32", "data.resident=gpu"],
        "bf16": ["train.precision=bf16"],
    }
    reached = {}
    for name, words in trainings.items():
        assert main([*arguments(tmp_path / "set", tmp_path / name, *options), *words]) == 0
        last = json.loads((tmp_path / name / "log.jsonl").read_text().splitlines()[-1])
        reached[name] = (last["loss"], last["validation"])
    loss, score = ((reached["one"][i] + reached["other"][i]) / 2 for i in (0, 1))
    for name in trainings:
        assert reached[name][0] == pytest.approx(loss, rel=0.06), reached
        assert reached[name][1] > score - 6, reached


def test_two_processes_reach_the_loss_of_one(sample, tmp_path):
    """torchrun on two CPU processes, the same global batch; they differ by batch norm's statistics alone."""
    options = ["train.epochs=4", "train.validate_every=9", "augment.appearance=0"]
    one, two = tmp_path / "one", tmp_path / "two"
    for command, run in ((TRAIN, one), ([*TORCHRUN, *TRAIN[1:]], two)):
        subprocess.run([*command, *arguments(sample, run, *options)], check=True, capture_output=True)
    assert losses(two) == pytest.approx(losses(one), rel=0.1)
    assert losses(two)[0] == pytest.approx(losses(one)[0], rel=0.01)
    assert losses(two)[-1] < 0.9 * losses(two)[0]


def test_a_loss_that_is_not_finite_names_the_images(sample, tmp_path, capsys, monkeypatch):
    gaussians = heatmap.gaussians
    monkeypatch.setattr(heatmap, "gaussians", lambda *arguments: gaussians(*arguments) * np.float32(np.nan))
    assert main(arguments(sample, tmp_path / "nan")) == 2
    error = capsys.readouterr().err
    assert "the loss is nan" in error and error.count(".jpg") == 8


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.epoch=3", "did you mean 'train.epochs'"),
        ("train.batch_size=64", "do not fill a batch of 64"),
        ("model.trunk=resnet51", "no trunk 'resnet51'"),
        ("model.input_wh=[66, 64]", "multiple of the heatmap stride"),
        ("data.train=[none.json]", "none.json"),
        ("data.val=none.json", "none.json"),
        ("data.train=null", "test.json judges a training on data.train=, which is missing"),
        ("train.joint_weights={left_wirst: 2}", "did you mean 'left_wrist'"),
    ],
)
def test_errors_come_before_the_first_step(sample, tmp_path, capsys, override, message):
    assert main(arguments(sample, tmp_path / "run", override)) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error
    assert not (tmp_path / "run").exists()


def test_a_validation_set_that_cannot_be_judged_is_refused_before_the_first_step(sample, tmp_path, capsys):
    content = json.loads((sample / "test.json").read_text())
    for person in content["annotations"]:
        person["keypoints"][6:9] = [0, 0, 0]  # the right hip, where the torso ends
    (sample / "no_torso.json").write_text(json.dumps(content))
    assert main(arguments(sample, tmp_path / "run", f"data.val={sample}/no_torso.json")) == 2
    assert "no_torso.json has nobody whom PCK@0.2 can judge" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_only_one_file_of_configuration(capsys):
    assert main(["a.yaml", "b.yaml"]) == 2
    assert "one configuration file" in capsys.readouterr().err
