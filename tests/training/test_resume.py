from dataclasses import fields, replace
from pathlib import Path

import pytest

from unipose.training.config import Config, read_config
from unipose.training.resume import FREE_TO_CHANGE, differences

OTHER = {
    "model.name": "other", "model.trunk": "resnet50", "model.input_wh": (64, 96), "model.wasp_rates": (1, 2),
    "model.start": "a/b.safetensors", "data.train": (Path("lsp/train.json"),), "data.val": Path("lsp/test.json"),
    "data.window": 3, "augment.scale": (0.5, 2.0), "augment.flip": 0.1, "train.run": Path("elsewhere"),
    "train.joint_weights": {"neck": 2.0}, "train.loss": "mse", "train.batch_size": 3, "train.lr": 1.0,
    "train.compile": True, "train.device": "cuda",
}  # fmt: skip


def changed(key, value=None):
    section, name = key.split(".")
    part = getattr(Config(), section)
    value = OTHER.get(key, f"{getattr(part, name)} and another") if value is None else value
    return replace(Config(), **{section: replace(part, **{name: value})})


@pytest.mark.parametrize("key", [f"{s.name}.{f.name}" for s in fields(Config) for f in fields(s.type)])
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # the values are of another type
def test_every_key_is_named_but_those_that_do_not_matter(key):
    """Also the one that is added tomorrow."""
    found = differences(Config(), changed(key))
    assert len(found) == (key not in FREE_TO_CHANGE)
    assert all(text.startswith(f"{key}=") and ", and it was " in text for text in found)


def test_the_words():
    assert differences(Config(), changed("train.lr")) == ["train.lr=1.0, and it was 0.002"]
    assert differences(Config(), changed("data.val")) == ['data.val="lsp/test.json", and it was null']
    assert differences(Config(), Config()) == []


@pytest.mark.parametrize(
    ("there", "same"), [("/mnt/lsp/train.json", True), ("../lsp/train.json", True), ("lspet/train.json", False)]
)
def test_data_may_be_moved_with_its_folder(there, same):
    before = read_config(overrides=["data.train=[lsp/train.json]"])
    assert differences(before, changed("data.train", (Path(there),))) == [] or not same
