import subprocess

import pytest
import torch

from unipose.training.environment import LIBRARIES, commit_of, environment


@pytest.fixture
def repository(tmp_path, monkeypatch):
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "a")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@b")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.py").write_text("1")
    for words in (["init", "-q"], ["add", "code"], ["commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    return tmp_path


def test_the_commit_and_whether_its_files_changed(repository):
    first = commit_of(repository / "code")
    assert len(first["commit"]) == 40 and first["changed"] is False
    (repository / "elsewhere").write_text("2")
    assert commit_of(repository / "code") == first
    (repository / "code" / "a.py").write_text("2")
    assert commit_of(repository / "code") == {**first, "changed": True}


@pytest.mark.parametrize("why", ["no repository", "installed inside one", "no git"])
def test_no_commit(repository, tmp_path_factory, monkeypatch, why):
    folder = {"no repository": tmp_path_factory.mktemp("apart")}.get(why, repository / "venv" / "unipose")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.py").touch()
    if why == "no git":
        monkeypatch.setenv("PATH", "")
    assert commit_of(folder) == {"commit": None, "changed": None}


def test_versions_and_machine():
    found = environment(torch.device("cpu"))
    assert found["torch"] == torch.__version__ and all(found[library] for library in LIBRARIES)
    assert found["cuda"] is None and found["threads"] == torch.get_num_threads()
