import io
import os

import pytest

from unipose.pipelines.lines import LinesWriter


def test_lines_are_there_at_once_and_without_them_there_is_no_file(tmp_path):
    path = tmp_path / "out.csv"
    with LinesWriter(path, "a,b") as writer:
        assert not path.exists()
        writer.write(["1,2", "3,4"])
        assert path.read_bytes() == b"a,b\n1,2\n3,4\n"
        writer.write([])
        writer.write(["\u00e9"])
    assert path.read_bytes() == "a,b\n1,2\n3,4\n\u00e9\n".encode()


def test_lines_to_a_stream():
    out = io.StringIO()
    with LinesWriter(out) as writer:
        writer.write(["1"])
        writer.write(["2"])
    assert out.getvalue() == "1\n2\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no device that is always full")
def test_a_full_device_is_named_and_stays(tmp_path):
    device = tmp_path / "full"
    device.symlink_to("/dev/full")
    with (
        LinesWriter(device) as writer,
        pytest.raises(OSError, match=r"full cannot be written: No space left on device"),
    ):
        writer.write(["1"])
    assert device.exists()


class Disk:
    """A file on a disk that has room for so many bytes."""

    def __init__(self, file, room):
        self._file, self._room = file, room

    def write(self, data):
        if not self._room:
            raise OSError(28, "No space left on device")
        written = self._file.write(data[: self._room])
        self._room -= written
        return written

    def truncate(self, length):
        self._file.truncate(length)

    def close(self):
        self._file.close()


def write_all(path, *calls):
    with LinesWriter(path) as writer:
        for lines in calls:
            writer.write(lines)


@pytest.mark.parametrize(("room", "left"), [(25, b"first line\n"), (11, b"first line\n"), (5, b"")])
def test_on_a_full_disk_whole_lines_stay(tmp_path, monkeypatch, room, left):
    path = tmp_path / "out.jsonl"
    open_file = type(path).open
    monkeypatch.setattr(type(path), "open", lambda self, *how, **more: Disk(open_file(self, *how, **more), room))
    with pytest.raises(OSError, match=r"out.jsonl cannot be written: No space left"):
        write_all(path, ["first line"], ["second line", "third line"])
    monkeypatch.undo()
    assert path.read_bytes() == left
