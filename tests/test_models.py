"""`unipose models` prints the zoo with parameters and GMAC."""

import pytest

from unipose import models
from unipose.modeling.trunk import ZOO


def table(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, list[str]]:
    assert models.main(list(argv)) == 0
    _, *rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    return {name: cells for name, *cells in rows}


def test_the_papers_row(capsys: pytest.CaptureFixture[str]) -> None:
    rows = table(capsys, "resnet101", "--size", "368x368", "--keypoints", "14")
    assert rows == {"resnet101": ["42.50", "47.02", "31.28", "46x46"]}


def test_without_names_the_zoo_is_listed_in_its_order(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "ZOO", {name: ZOO[name] for name in ("resnet18", "res2net_s")})
    rows = table(capsys, "--size", "96x128", "--decoder-stride", "4")
    assert [(name, cells[-1]) for name, cells in rows.items()] == [("resnet18", "24x32"), ("res2net_s", "24x32")]


def test_a_trunk_for_small_images_is_listed_as_a_classifier(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the pose network's options are."""
    rows = table(capsys, "cifar_wrn_28_10", "resnet18", "--size", "368x368", "--output-stride", "8")
    assert rows["cifar_wrn_28_10"] == ["36.47", "36.48", "5.24", "10", "classes"]
    assert rows["resnet18"][-1] == "46x46"


def test_the_small_networks_row(capsys: pytest.CaptureFixture[str]) -> None:
    small = "--size 128x128 --keypoints 14 --wasp-channels 128 --decoder-stride 4 --decoder-channels 96"
    assert table(capsys, "res2net_s", *small.split()) == {"res2net_s": ["2.88", "3.83", "0.58", "32x32"]}


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [(["resnet5"], "no trunk 'resnet5'"), (["--size", "368"], "a size is WIDTHxHEIGHT, as 192x256, got '368'")],
)
def test_what_cannot_be_listed_is_refused(argv: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = models.main(argv)
    except SystemExit as done:  # argparse
        code = done.code
    assert code == 2
    assert complaint in capsys.readouterr().err
