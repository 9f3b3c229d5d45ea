from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.networks import SMALL_LSTM_NETWORK, SMALL_NETWORK
from unipose.core.person_box import with_box, without_box
from unipose.core.skeleton import SKELETONS, skeleton_from_names
from unipose.datasets.records import read_records
from unipose.datasets.synthetic.images import draw_sample
from unipose.modeling.checkpoint import build_network, read_model, save_model
from unipose.train import main
from unipose.training.config import Config, DataConfig, ModelConfig, read_config
from unipose.training.configuration import SAMPLE_CONFIG, configure
from unipose.training.sets import common_skeleton
from unipose.training.start import ARCHITECTURE, FINE_TUNING, start_skeleton
from unipose.weights import default_weights, finder_for

POSE, FINDER = default_weights(), finder_for(default_weights())
CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture
def write(tmp_path):
    def write(text, name="mine.yaml"):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


def same_network(config: ModelConfig, path: Path) -> bool:
    """Whether it is as the configuration says that trained the file."""
    theirs = read_config(path).model
    keys = [key.partition(".")[2] for key in ARCHITECTURE] + ["kind", "input_wh", "sigma", "margin", "dropout"]
    return all(getattr(config, key) == getattr(theirs, key) for key in keys)


def test_data_alone_are_a_whole_configuration(write):
    config = configure([write("data: {train: [a.json], val: b.json}")])
    assert config.model.start == str(POSE) and same_network(config.model, CONFIGS / "unipose-s.yaml")
    assert (config.model.name, config.train.run) == ("mine", Path("runs/mine"))
    assert config.train == replace(FINE_TUNING.train, run=Path("runs/mine"))


def test_of_boxes_a_finder_is_trained(write):
    config = configure([write("model: {kind: finder}\ndata: {train: [a.json]}")])
    assert config.model.start == str(FINDER) and config.train.loss == "boxes"
    assert same_network(config.model, CONFIGS / "finder.yaml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("data: {train: [a.json]}", ["model.start=START"]),
        ("model: {start: START}", ["data.train=[a.json]"]),
        (None, ["model.start=START", "data.train=[a.json]"]),
        ("model: {start: START, trunk: res2net_s, decoder_stride: 4, multi_grid: [1, 1, 1]}", []),
    ],
)
@pytest.mark.parametrize("start", [POSE, FINDER])
def test_a_file_to_start_from_brings_its_network(write, text, words, start):
    if text and "stride" in text and start == FINDER:
        text = text.replace("decoder_stride: 4", "decoder_stride: 8")
    files = [write(text.replace("START", str(start)))] if text else []
    config = configure([*files, *[word.replace("START", str(start)) for word in words]])
    assert same_network(config.model, CONFIGS / ("finder.yaml" if start == FINDER else "unipose-s.yaml"))
    assert config.train.loss == ("boxes" if start == FINDER else "cross_entropy")


def test_what_is_said_stays(write):
    text = "model: {input_wh: [128, 96], dropout: 0.3, name: x}\ndata: {train: [a.json]}\ntrain: {loss: robust}"
    config = configure([write(text), "train.lr=5e-4", "train.run=here"])
    model = config.model
    assert (model.input_wh, model.dropout, model.name, model.sigma) == ((128, 96), 0.3, "x", 1.0)
    assert (config.train.loss, config.train.lr, config.train.run) == ("robust", 5e-4, Path("here"))


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("data: {train: [a.json]}\nmodel: {start: null}", None),
        ("data: {train: [a.json]}\nmodel: {trunk: resnet50}", None),
        ("train: {epochs: 3}", None),
    ],
)
def test_from_scratch(write, text, start):
    config = configure([write(text)])
    assert config.model.start is start and config.train.lr == Config().train.lr
    assert configure([]) == SAMPLE_CONFIG


def test_a_configuration_with_an_architecture_keeps_the_usual_defaults(write):
    config = configure([str(CONFIGS / "lsp.yaml"), f"model.start={POSE}"])
    assert (config.train.lr, config.train.batch_size) == (Config().train.lr, 32)
    assert config.model.sigma == 1.5  # which lsp.yaml says


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model.trunk=resnet50"], "model.trunk=resnet50, not res2net_s as in START"),
        (
            ["model.wasp_rates=[6, 4, 2]", "model.decoder_stride=8"],
            "model.decoder_stride=8, not 4, model.wasp_rates=[6, 4, 2], not [1, 2, 3] as in START",
        ),
        (["model.kind=finder"], "model.kind=finder, not pose as in START"),
    ],
)
def test_contradictions_are_refused_in_one_line(words, message, capsys, tmp_path):
    assert main([*words, f"model.start={POSE}", "data.train=[a.json]", f"train.run={tmp_path / 'run'}"]) == 2
    error = capsys.readouterr().err
    assert message.replace("START", str(POSE)) in error and error.endswith("leave out what that file says\n")
    assert error.count("\n") == 1 and not list(tmp_path.iterdir())


def test_a_recurrent_file_brings_its_memory_and_another_none(spec, tmp_path):
    for name, network in (("r", SMALL_LSTM_NETWORK), ("s", SMALL_NETWORK)):
        of = replace(spec, network=network)
        save_model(tmp_path / f"{name}.safetensors", build_network(of).state_dict(), of)
    model = configure([f"model.start={tmp_path}/r.safetensors"]).model
    assert (model.lstm_channels, model.wasp_channels) == (4, 16)
    assert configure([f"model.start={tmp_path}/s.safetensors", "model.lstm_channels=8"]).model.lstm_channels == 8
    with pytest.raises(ValueError, match=r"model.lstm_channels=8, not 4"):
        configure([f"model.start={tmp_path}/r.safetensors", "model.lstm_channels=8"])


def test_a_file_of_another_loss_brings_that(spec, tmp_path):
    of = replace(spec, network=SMALL_NETWORK | {"activation": "none"}, skeleton=with_box(spec.skeleton))
    save_model(tmp_path / "m.safetensors", build_network(of).state_dict(), of)
    config = configure([f"model.start={tmp_path}/m.safetensors"])
    assert config.train.loss == "mse" and config.model.box_maps
    assert start_skeleton(config.model) == spec.skeleton
    assert configure([f"model.start={tmp_path}/m.safetensors", "train.loss=robust"]).train.loss == "robust"


def test_the_box_comes_off_as_it_went_on():
    for skeleton in SKELETONS.values():
        assert without_box(with_box(skeleton)) == skeleton == without_box(skeleton)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return read_records(draw_sample(tmp_path_factory.mktemp("sample"), count=8, figures=(1,))[0])


def test_the_keypoints_are_those_of_the_start_where_it_has_all(drawn):
    start = SKELETONS["body19"]
    hands = skeleton_from_names(
        "hands", ["left_wrist", "right_wrist", "left_thumb", "right_thumb"], [], ["left_wrist"] * 2
    )
    [onto], skeleton = common_skeleton(DataConfig(), [drawn], drawn, start)
    assert skeleton is start and onto.records[0].labelled.sum() == 14
    assert common_skeleton(DataConfig(skeleton="own"), [drawn], drawn, start)[1] == drawn.skeleton
    assert common_skeleton(DataConfig(), [drawn.onto(hands)], None, start)[1] is hands
    assert common_skeleton(DataConfig(skeleton="coco17"), [drawn], None, start)[1] == SKELETONS["coco17"]


def test_a_file_of_data_alone_trains(drawn, write, tmp_path):
    """As it stands, but for one short epoch: the keypoints stay those of the model that comes along."""
    config = write(f"data: {{train: ['{drawn.path}']}}", "figures.yaml")
    few = ["train.epochs=1", "train.batch_size=2", "train.workers=0", f"train.run={tmp_path / 'run'}"]
    assert main([config, *few]) == 0
    spec = read_model(tmp_path / "run" / "last.safetensors")[1]
    assert (spec.name, spec.skeleton.name, spec.input_wh) == ("figures", "body19", (192, 192))
    assert spec.provenance["start"]["file"] == POSE.name
    again = [str(tmp_path / "run" / "config.yaml"), "train.epochs=2", "--resume"]  # which says everything
    assert main(again) == 0
