import json

import pytest
import torch

from unipose.model.cost import parameters
from unipose.model.network import UniPose
from unipose.model.trunk import ZOO, Trunk
from unipose.sample import draw_sample
from unipose.study import TRUNKS, main


def test_the_designs_have_equal_parameters():
    """Whole networks with the study's decoder within 5 % of each other."""
    sizes = []
    for trunk in TRUNKS.values():
        with torch.device("meta"):
            network = UniPose(Trunk(ZOO[trunk], 16), 14, wasp_channels=64, decoder_stride=4, decoder_channels=64)
        sizes.append(parameters(network))
    assert max(sizes) < 1.05 * min(sizes)


@pytest.mark.slow
def test_a_table_of_all_designs_and_nothing_is_trained_twice(tmp_path, capfd):
    draw_sample(tmp_path / "data", count=20, seed=0)
    words = [
        f"data.train=[{tmp_path}/data/train.json]", f"data.val={tmp_path}/data/test.json",
        f"train.run={tmp_path}/study", "train.epochs=1", "train.batch_size=8", "train.threads=1",
        "train.workers=0", "model.input_wh=[64, 64]", "model.wasp_channels=32", "model.decoder_channels=32",
    ]  # fmt: skip
    assert main([*words, "--seeds", "2"]) == 0
    table = (tmp_path / "study" / "table.md").read_text()
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:]] == list(TRUNKS)
    logs = {path: path.stat().st_mtime_ns for path in tmp_path.glob("study/*/log.jsonl")}
    assert len(logs) == 2 * len(TRUNKS)
    assert all(len(path.read_text().splitlines()) == 1 for path in logs)
    assert main([*words, "--seeds", "2"]) == 0
    assert {path: path.stat().st_mtime_ns for path in logs} == logs
    seconds = {json.loads(path.read_text())["seconds"] for path in logs}
    assert len(seconds) > 1
    capfd.readouterr()


def test_a_failing_training_stops_the_study(tmp_path, capfd):
    assert main([f"train.run={tmp_path}", "data.train=[none.json]", "data.val=none.json", "--seeds", "1"]) == 2
    assert "the training in" in capfd.readouterr().err
