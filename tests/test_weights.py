from pathlib import Path

import pytest

from unipose.weights import NAMES, default_weights, named_model


@pytest.mark.parametrize("name", NAMES)
def test_models_that_come_with_unipose(name):
    assert named_model(name).is_file() and default_weights().is_file()


def test_any_other_name_is_a_path():
    assert named_model("runs/default") == Path("runs/default")
