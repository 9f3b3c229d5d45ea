import json
from pathlib import Path

import pytest
import torch
import yaml

from unipose.datasets.synthetic.images import draw_sample
from unipose.modeling.flops import count_parameters
from unipose.modeling.trunk import ZOO, Trunk
from unipose.modeling.unipose import UniPose
from unipose.study import main, read_variants
from unipose.training.configuration import configure

CONFIGS = Path(__file__).parent.parent / "configs"
DESIGNS = str(CONFIGS / "variants" / "designs.yaml")


def test_the_designs_have_equal_parameters():
    """Whole networks with the study's decoder within 5 % of each other."""
    sizes = []
    for overrides in read_variants(Path(DESIGNS)).values():
        trunk = configure([str(CONFIGS / "study.yaml"), *overrides]).model.trunk
        with torch.device("meta"):
            network = UniPose(Trunk(ZOO[trunk], 16), 14, wasp_channels=64, decoder_stride=4, decoder_channels=64)
        sizes.append(count_parameters(network))
    assert len(sizes) == 7 and max(sizes) < 1.05 * min(sizes)


@pytest.mark.parametrize(("variants", "config"), [("designs.yaml", "study.yaml"), ("ablation.yaml", "lsp.yaml")])
def test_the_variants_that_come_with_unipose_are_all_different(variants, config):
    found = read_variants(CONFIGS / "variants" / variants)
    configurations = [configure([str(CONFIGS / config), *overrides]) for overrides in found.values()]
    assert all(a != b for i, a in enumerate(configurations) for b in configurations[:i])


def small(root: Path) -> list[str]:
    draw_sample(root / "data", count=20, seed=0)
    return [
        f"data.train=[{root}/data/train.json]", f"data.val={root}/data/test.json",
        f"train.run={root}/study", "train.epochs=1", "train.batch_size=8", "train.threads=1",
        "train.workers=0", "model.input_wh=[64, 64]", "model.wasp_channels=32", "model.decoder_channels=32",
    ]  # fmt: skip


@pytest.mark.slow
def test_a_table_of_all_designs(tmp_path, capfd):
    assert main([DESIGNS, *small(tmp_path)]) == 0
    table = (tmp_path / "study" / "table.md").read_text()
    designs = [line.split("|")[1].strip() for line in table.splitlines()[2:]]
    assert designs == list(read_variants(Path(DESIGNS)))
    capfd.readouterr()


def test_a_table_of_variants_and_nothing_is_trained_twice(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("unipose.study.BATCHES", 1)
    variants = tmp_path / "variants.yaml"
    variants.write_text(
        yaml.safe_dump({"as it is": [], "64, mse": ["model.trunk=small_resnet", "train.loss=mse"]}, sort_keys=False)
    )
    words = [str(variants), *small(tmp_path), "--seeds", "2"]
    assert main(words) == 0
    rows = [line.split("|")[1:-1] for line in (tmp_path / "study" / "table.md").read_text().splitlines()[2:]]
    assert [row[0].strip() for row in rows] == ["as it is", "64, mse"]
    assert all(int(row[3]) == 2 and float(row[-1]) > 0 for row in rows) and rows[0][4] != rows[1][4]
    logs = {path: path.stat().st_mtime_ns for path in tmp_path.glob("study/*/log.jsonl")}
    assert {path.parent.name for path in logs} == {"as-it-is-0", "as-it-is-1", "64-mse-0", "64-mse-1"}
    assert all(len(path.read_text().splitlines()) == 1 for path in logs)
    losses = {json.loads(path.read_text())["loss"] for path in logs}
    assert len(losses) == 4
    assert main(words) == 0
    assert {path: path.stat().st_mtime_ns for path in logs} == logs
    capfd.readouterr()


def test_a_table_of_somebody_elses_stays(tmp_path, capfd):
    (tmp_path / "v.yaml").write_text("a: []\n")
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "table.md").write_text("# Mine\n")
    assert main([str(tmp_path / "v.yaml"), *small(tmp_path)]) == 2
    assert "table.md exists, and UniPose did not make it" in capfd.readouterr().err
    assert [path.name for path in (tmp_path / "study").iterdir()] == ["table.md"]


def test_a_failing_training_stops_the_study(tmp_path, capfd):
    words = [DESIGNS, f"train.run={tmp_path}", "data.train=[none.json]", "data.val=none.json", "--seeds", "1"]
    assert main(words) == 2
    assert "the training in" in capfd.readouterr().err


@pytest.mark.parametrize("text", ["[a, b]", "a: model.trunk=resnet50", "a: [1]", "a: ["])
def test_a_file_that_holds_no_variants_is_refused(tmp_path, capfd, text):
    (tmp_path / "v.yaml").write_text(text)
    assert main([str(tmp_path / "v.yaml")]) == 2
    assert 'must say, for each variant, name: ["section.key=value", ...]' in capfd.readouterr().err


def test_an_override_that_cannot_be_stops_before_anything_is_trained(tmp_path, capfd):
    (tmp_path / "v.yaml").write_text("a: []\nb: [model.trunc=resnet50]\n")
    assert main([str(tmp_path / "v.yaml"), *small(tmp_path)]) == 2
    assert "did you mean 'model.trunk'" in capfd.readouterr().err
    assert not (tmp_path / "study").exists()
