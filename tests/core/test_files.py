import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unipose.core.files import (
    is_model_file,
    path_of,
    read_json,
    refuse_overwrite,
    relative,
    sha256,
    text_of,
    write_atomically,
)
from unipose.weights import named_model


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
    assert [file.name for file in tmp_path.iterdir()] == ["x.json"]


FULL = """
import resource, sys
from pathlib import Path
from unipose.core.files import write_atomically
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    write_atomically(Path(sys.argv[1]), bytes(1000))
except OSError as error:
    print(error)
"""


@pytest.mark.parametrize("before", [None, b"old"])
def test_on_a_full_disk_nothing_new_is_left(tmp_path, before):
    path = tmp_path / "x.json"
    if before:
        path.write_bytes(before)
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == f"[Errno 27] File too large: '{path}'\n"
    assert [file.read_bytes() for file in tmp_path.iterdir()] == ([before] if before else [])


def test_what_is_no_file_is_written_to_and_stays(tmp_path):
    """As /dev/null must, under whatever name; a pipe is read by somebody."""
    nowhere, pipe = tmp_path / "null", tmp_path / "pipe"
    nowhere.symlink_to("/dev/null")
    os.mkfifo(pipe)
    write_atomically(nowhere, b"gone")
    with ThreadPoolExecutor() as pool:
        read = pool.submit(pipe.read_bytes)
        write_atomically(pipe, b"through")
        assert read.result() == b"through"
    assert nowhere.is_symlink() and pipe.is_fifo() and len(list(tmp_path.iterdir())) == 2


def test_sha256_of_the_example_in_fips_180_2(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.fixture
def photo(tmp_path, monkeypatch):
    """A file, in the working directory, that is a command's input."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"picture")
    (tmp_path / "sub").mkdir()
    (tmp_path / "soft.jpg").symlink_to("photo.jpg")
    (tmp_path / "hard.jpg").hardlink_to(path)
    return path


@pytest.mark.parametrize("name", ["photo.jpg", "./photo.jpg", "sub/../photo.jpg", "soft.jpg", "hard.jpg", "{folder}"])
@pytest.mark.parametrize("spelling", ["photo.jpg", "./soft.jpg"])
@pytest.mark.parametrize("force", [False, True])
def test_an_input_is_never_an_output_by_whatever_name(photo, name, spelling, force):
    output = Path(name.format(folder=photo))
    with pytest.raises(ValueError, match="would overwrite what it is made from"):
        refuse_overwrite([Path("new.jpg"), output], [Path("none.jpg"), Path(spelling)], lambda path: True, force)


def test_other_files_are_replaced_where_they_are_ours_or_by_force(photo):
    refuse_overwrite([photo], [], lambda path: path.read_bytes() == b"picture")
    refuse_overwrite([photo], [], force=True)
    with pytest.raises(ValueError, match=r"photo\.jpg exists, and UniPose did not make it"):
        refuse_overwrite([photo], [])


def test_what_holds_nothing_is_no_loss(photo):
    (photo.parent / "empty").touch()
    os.mkfifo(photo.parent / "pipe")
    refuse_overwrite([Path("empty"), Path("new"), Path("pipe"), Path("/dev/null")], [photo])


def test_a_folder_is_no_file_and_two_results_are_not_one(photo):
    with pytest.raises(ValueError, match="sub is a folder"):
        refuse_overwrite([Path("sub")], [])
    with pytest.raises(ValueError, match="would be written twice"):
        refuse_overwrite([Path("x.mp4"), Path("sub/../x.mp4")], [])


@pytest.mark.parametrize("name", ["photo.jpg/x.json", "photo.jpg/new/x.json", "soft.jpg/x.json"])
def test_a_place_in_a_file_is_none(photo, name):
    with pytest.raises(NotADirectoryError, match=f"{name} cannot be written: .*photo.jpg is no folder"):
        refuse_overwrite([Path("new/x.json"), Path(name)], [])


def test_models_of_ours_are_known(photo):
    assert is_model_file(named_model("fp32")) and is_model_file(named_model("fp32").with_suffix(".safetensors"))
    Path("other.onnx").write_bytes(b"theirs")
    Path("notes.txt").write_bytes(b"about unipose")
    assert not is_model_file(Path("other.onnx")) and not is_model_file(Path("notes.txt"))


@given(st.binary(min_size=1, max_size=12).filter(lambda name: b"\0" not in name))
def test_every_name_of_a_file_is_text_and_back(name):
    path = os.fsdecode(name)
    assert path_of(text_of(path)) == path


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_text_is_a_name_and_back(text):
    assert text_of(path_of(text)) == text


def test_the_way_to_a_path_is_the_real_one(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "a" / "b")
    way = relative(tmp_path / "images", tmp_path / "link")
    assert way == "../../images" and (tmp_path / "link" / way).resolve() == tmp_path / "images"


def test_json_that_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.json"):
        read_json(tmp_path / "none.json")
