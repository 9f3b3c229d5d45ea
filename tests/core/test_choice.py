import pytest

from unipose.core.choice import choose

TABLE = {"softmax": 1, "sigmoid": None}


@pytest.mark.parametrize("name", TABLE)
def test_a_row_by_its_name(name):
    assert choose(TABLE, name, "activation") is TABLE[name]


@pytest.mark.parametrize("name", ["relu", "", "Softmax"])
def test_an_unknown_name_is_refused_with_the_known_ones(name):
    with pytest.raises(ValueError, match=rf"^no activation '{name}'; choose one of softmax, sigmoid$"):
        choose(TABLE, name, "activation")
