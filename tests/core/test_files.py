import os

import pytest

from unipose.core.files import sha256, write_atomically


@pytest.mark.parametrize("content", [b"new", lambda part: part.write_bytes(b"new")], ids=["bytes", "writer"])
@pytest.mark.parametrize("sync", [True, False])
def test_only_the_written_file_is_left(tmp_path, monkeypatch, content, sync):
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    path = tmp_path / "a" / "b" / "x.json"
    for _ in range(2):  # the second replaces the first
        write_atomically(path, content, sync)
        assert path.read_bytes() == b"new"
    assert [file.name for file in path.parent.iterdir()] == ["x.json"]
    assert len(synced) == 2 * sync


def test_an_interrupted_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.json"
    write_atomically(path, b"old")

    def fail(part):
        part.write_bytes(b"ha")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, fail)
    assert path.read_bytes() == b"old"


def test_sha256_of_the_example_in_fips_180_2(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
