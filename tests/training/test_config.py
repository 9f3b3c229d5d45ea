from dataclasses import replace
from pathlib import Path

import pytest

from unipose.training.config import Config, TrainConfig, read_config, to_dict

CONFIGS = Path(__file__).parents[2] / "configs"


def test_defaults_then_file_then_overrides(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("model:\n  trunk: resnet50\n  input_wh: [192, 256]\ntrain:\n  epochs: 7\n")
    config = read_config(path, ["train.epochs=9", "train.lr=1e-3", "data.train=[a.json, b.json]"])
    assert (config.model.trunk, config.model.input_wh) == ("resnet50", (192, 256))
    assert (config.train.epochs, config.train.lr) == (9, 0.001)
    assert config.data.train == (Path("a.json"), Path("b.json"))
    assert config.augment == Config().augment


def test_other_defaults():
    defaults = Config(train=TrainConfig(epochs=3))
    assert read_config(overrides=["train.batch_size=5"], defaults=defaults) == replace(
        defaults, train=replace(defaults.train, batch_size=5)
    )


def test_dict_round_trip(tmp_path):
    import yaml

    config = read_config(overrides=["model.wasp_rates=[1, 2]", "data.val=x.json"])
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(to_dict(config)))
    assert read_config(path) == config


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.name)
def test_every_config_in_the_tree_is_read(path):
    assert read_config(path) != Config()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.epoch=3", "did you mean 'train.epochs'"),
        ("trian.epochs=3", "did you mean 'train.epochs'"),
        ("model.wasp_rate=[1]", "did you mean 'model.wasp_rates'"),
        ("epochs=3", "section.key=value"),
        ("train.epochs", "section.key=value"),
        ("train.run=", "train.run= says nothing: where a key may be left out, null does it"),
        ("train.run=''", "train.run: Value error, a name is wanted, got ''"),
        ("data.train=[]", "data.train: Tuple should have at least 1 item"),
        ("data.train=['']", "data.train.0: Value error, a name is wanted"),
        ("train.epochs=many", "train.epochs: Input should be a valid integer"),
        ("model.output_stride=12", "model.output_stride: Input should be 8, 16 or 32"),
        ("model.input_wh=[3]", "model.input_wh"),
        ("train.loss=l1", "'cross_entropy', 'robust', 'mse' or 'boxes'"),
        ("train.optimizer=lion", "'adamw', 'adam' or 'sgd'"),
        ("train.schedule=linear", "'cosine', 'flat_cosine', 'step' or 'constant'"),
        ("train.precision=fp8", "'auto', 'fp32', 'bf16' or 'fp16'"),
    ],
)
def test_wrong_keys_and_values_are_named(override, message):
    with pytest.raises(ValueError, match=message.replace("[", r"\[")):
        read_config(overrides=[override])


@pytest.mark.parametrize("text", ["[1, 2]", "model: 3", "train"])
def test_a_file_that_is_not_sections_is_refused(tmp_path, text):
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"sections of keys|unknown key"):
        read_config(path)
