from functools import partial
from time import sleep

from unipose.runtime.autoselect import fastest


def test_the_quicker_wins_although_it_is_slow_to_start(capsys):
    first = iter([0.05])
    candidates = {"slow": partial(sleep, 0.004), "quick": lambda: sleep(next(first, 0.001))}
    assert fastest(candidates) == "quick"
    assert "slow" in (printed := capsys.readouterr().err) and "taken: quick" in printed
