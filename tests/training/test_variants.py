from pathlib import Path

import pytest

from unipose.training.variants import markdown, run_folder, score_cells


@pytest.mark.parametrize(
    ("name", "seed", "folder"),
    [("ResNet-20, full", 0, "resnet-20-full-0"), ("(a) B", 12, "a-b-12"), ("input 96x96", 1, "input-96x96-1")],
)
def test_a_run_has_a_folder_of_its_name_and_seed(name, seed, folder):
    assert run_folder(Path("runs"), name, seed) == Path("runs") / folder


@pytest.mark.parametrize(
    ("scores", "cells"), [([5.0], ["5.00", "one run", "1"]), ([1.0, 2.0, 6.0], ["3.00", "2.65", "3"])]
)
def test_scores_are_means_with_their_spread(scores, cells):
    assert score_cells([{"validation": score} for score in scores]) == cells


def test_a_table_is_markdown():
    assert markdown(["a", "b"], [["1", ""], ["2", "x"]]) == "| a | b |\n| --- | --- |\n| 1 |  |\n| 2 | x |\n"
