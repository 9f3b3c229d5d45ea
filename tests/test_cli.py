import os
import signal
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


@pytest.mark.parametrize("verb", ["train", "serve", "video"])
def test_a_missing_extra_is_named(verb, monkeypatch, capsys):
    def missing(name):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(cli, "import_module", missing)
    assert cli.main([verb]) == 2
    assert f"pip install 'unipose[{verb}]'" in capsys.readouterr().err


def test_the_first_process_of_a_container_stops_when_it_is_told(monkeypatch):
    handlers = {}
    monkeypatch.setattr(os, "getpid", lambda: 1)
    monkeypatch.setattr(signal, "signal", handlers.__setitem__)
    cli.main([])
    with pytest.raises(SystemExit) as done:
        handlers[signal.SIGTERM]()
    assert done.value.code == 143


def test_an_error_is_one_line_whatever_it_names(capsys):
    def refuse():
        raise ValueError("a\nb.png is not\n  there")

    assert cli.exit_status(refuse) == cli.REFUSED
    assert capsys.readouterr().err == "error: a b.png is not there\n"


@pytest.mark.parametrize("text", ["\u00fc \u5de6", os.fsdecode(b"\xff\xfe")], ids=["names", "bytes that are no text"])
def test_what_is_printed_is_utf_8_in_every_locale(run_ascii, text):
    code = f"from unipose.cli import exit_status; exit_status(lambda: print({text!a}))"
    if text.isprintable():
        assert run_ascii("-c", code) == text + "\n"
    fails = f"import sys; from unipose.cli import exit_status; sys.exit(exit_status(lambda: int({text!a})))"
    assert "error: invalid literal" in run_ascii("-c", fails, returncode=2)
