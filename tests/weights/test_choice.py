import subprocess
import sys
from unittest.mock import Mock

import pytest

from unipose.weights import choice, named_model

FP32, INT8 = named_model("fp32"), named_model("int8")


@pytest.fixture(autouse=True)
def an_unknown_processor(monkeypatch):
    choice.is_int8_faster.cache_clear()
    monkeypatch.setattr(choice, "has_int8_units", lambda: False)
    monkeypatch.setattr(choice, "SECONDS", 0.05)
    yield
    choice.is_int8_faster.cache_clear()


def test_with_units_for_it_nothing_is_tried(monkeypatch):
    monkeypatch.setattr(choice, "has_int8_units", lambda: True)
    monkeypatch.setattr(choice, "open_runtime", Mock(side_effect=AssertionError))
    assert choice.is_int8_faster(FP32, INT8)


@pytest.mark.parametrize(("medians", "faster"), [([0.02, 0.01], True), ([0.01, 0.02], False)])
def test_else_a_trial_decides_once(monkeypatch, medians, faster, capsys):
    trial = Mock(return_value=medians)
    monkeypatch.setattr(choice, "_medians", trial)
    assert [choice.is_int8_faster(FP32, INT8) for _ in range(3)] == [faster] * 3
    assert trial.call_count == 1
    assert capsys.readouterr() == ("", "")


def test_a_faster_file_that_finds_something_else_is_not_taken(monkeypatch):
    monkeypatch.setattr(choice, "_medians", lambda calls: [0.02, 0.01])
    monkeypatch.setattr(choice, "APART", -1.0)
    assert not choice.is_int8_faster(FP32, INT8)


def test_a_trial_is_short():
    code = (
        "import time; from unipose.weights import choice, named_model as n; choice.has_int8_units = lambda: False;"
        "t = time.perf_counter(); choice.is_int8_faster(n('fp32'), n('int8')); print(time.perf_counter() - t)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 20 and not done.stderr  # two seconds on a machine with nothing else to do
