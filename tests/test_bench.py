import re

import pytest

from unipose.bench import main
from unipose.datasets.synthetic.clips import draw_clips
from unipose.datasets.synthetic.images import draw_sample

ROWS = ("each frame", "smoothed")


def test_training_is_timed_in_parts(capsys):
    small = ["model.input_wh=[32, 32]", "model.wasp_channels=16", "model.decoder_channels=16"]
    train = ["train.batch_size=4", "train.workers=1", "train.threads=1", "train.device=cpu"]
    assert main(["train", *small, *train, "--batches", "2"]) == 0
    out = capsys.readouterr().out
    rates = {name: float(re.search(rf"{name}\D+([\d.]+)", out)[1]) for name in ("loader alone", "step alone", "both")}
    assert all(rate > 0 for rate in rates.values())
    assert re.search(r"both / step alone: \d+\.\d\d", out)
    assert "images/s per worker (1)" in out


def test_errors_are_one_line(capsys):
    assert main(["train", "train.epoch=3"]) == 2
    assert capsys.readouterr().err == "error: unknown key 'train.epoch'; did you mean 'train.epochs'?\n"


def test_what_smoothing_does_to_clips(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    _, test = draw_clips(tmp_path, count=5, frames=30, seed=0)
    assert main(["calm", str(test)]) == 0
    out = capsys.readouterr().out
    before, after = (re.search(rf"{name}[^\d-]+([\d.]+)[^\d-]+([\d.]+)[^\d-]+(-?[\d.]+)", out) for name in ROWS)
    assert float(after[2]) < 0.7 * float(before[2])
    assert float(re.search(r"left[^\d]+([\d.]+)", out)[1]) == pytest.approx(
        float(after[2]) / float(before[2]), abs=0.01
    )


def test_images_that_are_no_clips_are_refused(tmp_path, capsys):
    train, _ = draw_sample(tmp_path, count=5, seed=0)
    assert main(["calm", str(train)]) == 2
    assert "clips need images with video_id and frame_id" in capsys.readouterr().err


def test_engines_are_timed_against_the_peak(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("unipose.benchmark.peers.SECONDS", 0.0)
    monkeypatch.setattr("unipose.benchmark.throughput.ROUNDS", 1)
    monkeypatch.setattr("torch.compile", lambda module: module)  # which takes a minute
    assert main(["infer", "--no-peers", "--int8", "int8"]) == 0
    out = capsys.readouterr().out
    rows = [line for line in out.splitlines() if "unipose-s" in line]
    assert len(rows) == 9  # PyTorch and compiled, twice each; ONNX Runtime twice; OpenVINO three times
    assert all(re.search(r"│\s+2\.6 │(\s+[\d.]+ │){4}", row) for row in rows)
    assert sum("%" in row for row in rows) == 7


def test_a_photograph_is_timed_by_its_people(capsys, monkeypatch):
    monkeypatch.setattr("unipose.benchmark.peers.SECONDS", 0.0)
    monkeypatch.setattr("unipose.benchmark.throughput.ROUNDS", 1)
    assert main(["photo", "--people", "2", "5", "--size", "600x500"]) == 0
    out = capsys.readouterr().out
    assert "600x500 pixels" in out
    rows = [re.findall(r"[\w.-]+", line) for line in out.splitlines() if "unipose-s" in line]
    assert [row[:2] for row in rows] == [[f"unipose-s{form}.onnx", n] for form in ("", "-int8") for n in "25"]
    for row in rows:
        whole, finder, poses, decoding, from_file, share, times = map(float, row[2:])
        assert decoding > 0 and from_file > 0
        assert share == pytest.approx(whole / (finder + poses), abs=0.02)
        first = next(other for other in rows if other[0] == row[0])
        assert times == pytest.approx(whole / float(first[2]), abs=0.02)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--people", "0"], "1 person or more"), (["none.jpg"], "none.jpg"), (["--models", "none.onnx"], "none.onnx")],
)
def test_a_photograph_that_cannot_be_timed_is_one_line(capsys, arguments, message):
    assert main(["photo", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_a_device_is_measured_against_its_peak(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("unipose.benchmark.throughput.ROUNDS", 1)
    monkeypatch.setattr("unipose.benchmark.device.DRAWN", 4)
    small = ["model.input_wh=[32, 32]", "model.wasp_channels=16", "model.decoder_channels=16"]
    train = ["train.batch_size=4", "train.workers=0", "train.threads=1", "train.precision=fp32"]
    assert main(["device", *small, *train, "--device", "cpu", "--batches", "1", "3", "--seconds", "0"]) == 0
    out = capsys.readouterr().out
    cells = [[cell.strip() for cell in re.split("[│┃]", line)[1:-1]] for line in out.splitlines()]
    peaks = {row[0]: float(row[1].split()[0].replace(",", "")) for row in cells if len(row) == 2 and row[1]}
    assert len(peaks) == 5 and all(value > 0 for value in peaks.values())
    rows = {(row[0], row[1]): row[2:] for row in cells if len(row) == 5 and row[0]}
    assert len(rows) == 4 + 6
    passes, poses = (float(rows[what, "3"][0].replace(",", "")) for what in ("forward pass", "pictures to poses"))
    assert re.fullmatch(r"(forward pass|upload): \d+%", rows["pictures to poses", "3"][2])
    assert float(rows["forward pass", "3"][1][:-1]) == pytest.approx(
        float(rows["pictures to poses", "3"][1][:-1]) * passes / poses, abs=0.1 * passes / poses + 0.1
    )
    for where in ("", ", pictures on the device"):
        alone = [float(rows[f"{part}{where}", "4"][0].replace(",", "")) for part in ("loader", "training step")]
        both, _, limit = rows[f"training{where}", "4"]
        assert float(limit.split(": ")[1][:-1]) / 100 == pytest.approx(
            float(both.replace(",", "")) / min(alone), abs=0.01
        )


def test_a_compiled_forward_pass_is_compared_without_a_training(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("unipose.benchmark.throughput.ROUNDS", 1)
    monkeypatch.setattr("unipose.benchmark.device.DRAWN", 4)
    compiled = []
    monkeypatch.setattr("torch.compile", lambda module, dynamic: compiled.append(dynamic) or module)
    words = ["model.input_wh=[32, 32]", "model.wasp_channels=16", "train.batch_size=4", "train.precision=fp32"]
    assert main(["device", *words, "--device", "cpu", "--batches", "2", "--seconds", "0", "--compile"]) == 0
    out = capsys.readouterr().out
    assert compiled == [False] and "pictures to poses" in out and "training" not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train.precision=fp16"], "fp32 or bf16"),
        (["--batches", "0"], "--batches"),
        (["--device", "cuda:99"], "cuda:99"),
        (["--seconds", "-1"], "--seconds"),
    ],
)
def test_a_device_that_cannot_be_measured_is_one_line(capsys, arguments, message):
    assert main(["device", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
