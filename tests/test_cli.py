import subprocess
import sys

import pytest

from unipose import __version__, cli


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_explains_itself(verb, capsys):
    with pytest.raises(SystemExit) as done:
        cli.main([verb, "--help"])
    assert done.value.code == 0
    assert f"unipose {verb}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "code", "out"), [([], 0, "predict"), (["--help"], 0, "export"), (["--version"], 0, __version__)]
)
def test_without_a_verb(argv, code, out, capsys):
    assert cli.main(argv) == code
    assert out in capsys.readouterr().out


def test_an_unknown_verb_names_the_right_ones(capsys):
    assert cli.main(["predikt"]) == 2
    assert "predict" in capsys.readouterr().err


def test_a_verb_is_a_module_too():
    run = subprocess.run([sys.executable, "-m", "unipose.predict", "--help"], capture_output=True, text=True)
    assert run.returncode == 0 and "usage: unipose predict" in run.stdout


def test_a_missing_extra_is_named(monkeypatch, capsys):
    def missing(name):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(cli, "import_module", missing)
    assert cli.main(["train"]) == 2
    assert "pip install 'unipose[train]'" in capsys.readouterr().err
