import re
import shlex
from pathlib import Path

import pytest
import yaml

from unipose.datasets.preparation import COMMANDS, require_labels
from unipose.datasets.records import read_records

ROOT = Path(__file__).parents[2]
README = (ROOT / "data" / "README.md").read_text(encoding="utf-8")


def named():
    """The label files in the configurations, and in the commands of the documents."""
    for file in (ROOT / "configs").glob("*.yaml"):
        data = yaml.safe_load(file.read_bytes()).get("data", {})
        yield from [*data["train"], data["val"]]
    for file in [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "configs" / "variants").glob("*.yaml")]:
        yield from re.findall(r"\bdata/[a-z0-9]+/[a-z0-9]+\.json", file.read_text(encoding="utf-8"))


OWN = {
    "data/clips75/test.json",
    "data/jhmdb/clips.json",
    "data/mine/train.json",
    "data/mine/test.json",
    "data/parts/rest.json",
    "data/pseudo/train.json",
}


@pytest.mark.parametrize("name", sorted(set(named()) - OWN))
def test_of_every_file_that_is_named_the_command_is_known(name):
    """Of those whose command does not stand beside them."""
    with pytest.raises(FileNotFoundError) as refused:
        read_records(ROOT / "none" / name)
    folder = (ROOT / "none" / name).parent
    command = re.fullmatch(rf"no label file {folder}/\S+: (python data/\w+\.py .*) makes it", str(refused.value))[1]
    words = shlex.split(command)
    assert (ROOT / words[1]).is_file() and words[words.index("--out") + 1].startswith(str(folder))


def test_the_commands_are_those_of_the_documents():
    documents = README + (ROOT / "docs" / "clips.md").read_text(encoding="utf-8")
    for name, command in COMMANDS.items():
        if "/" not in name:
            assert command.format(folder=f"data/{name}") in documents


def test_of_another_file_the_readme_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no label file mine\.json: data/README\.md says how one is made"):
        require_labels(Path("mine.json"))
    (tmp_path / "mine.json").touch()
    require_labels(tmp_path / "mine.json")
