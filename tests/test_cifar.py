from pathlib import Path

import pytest

from unipose.cifar import main, read_variants
from unipose.modeling.trunk import ZOO
from unipose.training.variants import run_folder

VARIANTS = Path(__file__).parent.parent / "configs" / "variants"
SHORT = ["--epochs", "1", "--images", "128", "--threads", "1", "--device", "cpu"]


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Two variants, and fewer drawn images than usual."""
    monkeypatch.setattr("unipose.training.class_images.DRAWN", (128, 30))
    path = tmp_path / "v.yaml"
    path.write_text(
        "A: {trunk: cifar_wrn_10_2, recipe: wrn, published: 3.9}\nB, plain: {trunk: cifar_resnext20_8x16d}\n"
    )
    return [str(path), *SHORT, "--run", str(tmp_path / "runs")]


def test_a_table_and_nothing_is_trained_twice(small, tmp_path, capsys):
    assert main([*small, "--seeds", "1"]) == 0
    table = (tmp_path / "runs" / "table.md").read_text()
    assert capsys.readouterr().out == table
    head, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    assert head[:2] == ["variant", "error %, mean"] and head[4] == "published"
    assert [row[0] for row in rows] == ["A", "B, plain"]
    assert [row[2:] for row in rows] == [
        ["one run", "1", "3.90", "0.30", "0.044"],
        ["one run", "1", "", "0.25", "0.041"],
    ]
    assert all(0 <= float(row[1]) <= 100 for row in rows)
    before = {log: log.stat().st_mtime_ns for log in tmp_path.glob("runs/*/log.jsonl")}
    assert main([*small, "--seeds", "2"]) == 0
    assert [line.split("|")[4].strip() for line in capsys.readouterr().out.splitlines()[2:]] == ["2", "2"]
    assert {log: log.stat().st_mtime_ns for log in before} == before
    assert len(list(tmp_path.glob("runs/*/log.jsonl"))) == 4


def test_a_foreign_table_is_not_replaced(small, tmp_path, capsys):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "table.md").write_text("# Mine\n")
    assert main([*small, "--seeds", "1"]) == 2
    assert "table.md exists, and UniPose did not make it" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["table.md"]


def test_what_was_compared_before_an_interruption_is_in_the_table(small, tmp_path, monkeypatch):
    second = run_folder(tmp_path / "runs", "B, plain", 0)
    second.parent.mkdir()
    second.touch()  # where a folder is needed
    assert main([*small, "--seeds", "1"]) == 2
    assert len((tmp_path / "runs" / "table.md").read_text().splitlines()) == 3


@pytest.mark.parametrize("name", ["cifar.yaml", "cifar_units.yaml", "cifar_designs.yaml"])
def test_the_variants_that_come_with_unipose_are_all_different(name):
    """And of trunks for small images, each by one recipe."""
    variants = read_variants(VARIANTS / name)
    assert len({variant.trunk for variant in variants.values()}) == len(variants)
    assert {ZOO[variant.trunk].stem for variant in variants.values()} == {"3x3"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a, b]", "must say, for each variant, name: {trunk: resnet18, ...}"),
        ("a: {trunk: resnet19}", "no trunk 'resnet19'"),
        ("a: {trunk: resnet18, recipe: cake}", "no recipe 'cake'; choose one of resnet, wrn"),
        ("a: {trunk: resnet18, lr: 1}", "lr Unexpected keyword argument"),
        ("a: {recipe: wrn}", "a.trunk"),
        ("a: [", "is not YAML"),
    ],
)
def test_a_file_that_holds_no_variants_is_refused(tmp_path, capsys, text, message):
    (tmp_path / "v.yaml").write_text(text)
    assert main([str(tmp_path / "v.yaml"), "--run", str(tmp_path / "runs")]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_more_images_than_there_are(small, capsys):
    assert main([*small, "--images", "129"]) == 2
    assert "there are 128 training images: lower --images 129" in capsys.readouterr().err
