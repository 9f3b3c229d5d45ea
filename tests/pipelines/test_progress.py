import io
import re
import threading
from time import sleep

import pytest
from rich.console import Console

from unipose.pipelines import progress as module
from unipose.pipelines.progress import progress, track


@pytest.fixture
def file():
    return io.StringIO()


@pytest.fixture
def often(monkeypatch):
    monkeypatch.setattr(module, "EVERY", 0.05)


def tellers():
    return [thread for thread in threading.enumerate() if thread.name == "progress"]


@pytest.mark.usefixtures("often")
def test_where_there_is_no_terminal_lines_are_told_also_while_nothing_moves(file):
    with progress(Console(file=file), "images", 30, done=10) as advance:
        sleep(0.2)
        advance(5, "loss [bold]0.5")
        sleep(0.2)
    said = file.getvalue().splitlines()
    assert said[0] == "10 of 30 images, 0:00:00 so far"
    assert re.fullmatch(r"15 of 30 images, 0:00:0\d so far, about 0:00:0\d left, loss \[bold\]0\.5", said[-1])
    assert not tellers()


@pytest.mark.usefixtures("often")
def test_of_a_stream_no_end_is_known(file):
    with progress(Console(file=file), "frames", None) as advance:
        advance(7)
        sleep(0.1)
    assert file.getvalue().startswith("7 frames, 0:00:00 so far\n")


def test_a_short_command_says_nothing(file):
    assert list(track([1, 2, 3], "inputs", Console(file=file))) == [1, 2, 3]
    assert file.getvalue() == ""


@pytest.mark.usefixtures("often")
def test_nothing_is_told_quietly_nor_after_an_error(file):
    with progress(Console(file=file, quiet=True), "images", 3):
        assert not tellers()
    with pytest.raises(ValueError, match="broken"), progress(Console(file=file), "images", 3):
        raise ValueError("broken")
    sleep(0.1)
    assert file.getvalue() == "" and not tellers()


def test_a_terminal_shows_a_bar(file):
    console = Console(file=file, force_terminal=True, width=100)
    for _ in track(range(4), "images", console):
        assert not tellers()
    assert "4/4" in file.getvalue() and "━" in file.getvalue()
