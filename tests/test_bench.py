import re

from unipose.bench import main


def test_training_is_timed_in_parts(capsys):
    small = ["model.input_wh=[32, 32]", "model.wasp_channels=16", "model.decoder_channels=16"]
    train = ["train.batch_size=4", "train.workers=1", "train.threads=1", "train.device=cpu"]
    assert main(["train", *small, *train, "--batches", "2"]) == 0
    out = capsys.readouterr().out
    rates = {name: float(re.search(rf"{name}\D+([\d.]+)", out)[1]) for name in ("loader alone", "step alone", "both")}
    assert all(rate > 0 for rate in rates.values())
    assert rates["both"] < rates["loader alone"]
    assert re.search(r"both / step alone: \d+\.\d\d", out)
    assert "images/s per worker (1)" in out


def test_errors_are_one_line(capsys):
    assert main(["train", "train.epoch=3"]) == 2
    assert capsys.readouterr().err == "error: unknown key 'train.epoch'; did you mean 'train.epochs'?\n"
