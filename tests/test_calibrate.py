from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unipose.calibrate import LAST, TEMPERATURES, brier_scores, logistic_regression, main, peak_scores
from unipose.core.image import read_image
from unipose.core.skeleton import SKELETONS
from unipose.datasets.records import read_records
from unipose.datasets.synthetic.images import draw_sample
from unipose.inference.predictor import Predictor
from unipose.modeling.checkpoint import build_network, read_model, save_model
from unipose.runtime.engines import Torch
from unipose.training.build import SAMPLE_CONFIG, make_spec
from unipose.weights import default_weights


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    train, _ = draw_sample(tmp_path_factory.mktemp("sample"), count=40, seed=1)
    return train


def softmax(logits, sigma):
    exp = np.exp(logits - logits.max(axis=(-2, -1), keepdims=True))
    return (2 * np.pi * sigma**2 * exp / exp.sum(axis=(-2, -1), keepdims=True)).astype(np.float32)


@given(seed=st.integers(0, 99), which=st.integers(20, 90))
def test_peak_scores_are_those_of_scaled_logits(seed, which):
    logits = np.random.default_rng(seed).normal(0, 3, (2, 3, 12, 12))
    scaled = np.minimum(softmax(logits / TEMPERATURES[which], 1.0).max(axis=(-2, -1)), 1)
    np.testing.assert_allclose(peak_scores(softmax(logits, 1.0), 1.0)[..., which], scaled, rtol=1e-3)


def test_the_best_column_says_how_often_keypoints_are_right():
    rng = np.random.default_rng(0)
    scores = peak_scores(softmax(rng.normal(0, 1, (4000, 12, 12)) * rng.uniform(1, 6, (4000, 1, 1)), 1.0), 1.0)
    for which in (40, 70):
        right = rng.random(4000) < scores[:, which]
        assert abs(int(brier_scores(scores, right).argmin()) - which) <= 4


def test_the_regression_finds_the_weights_that_made_its_data():
    rng = np.random.default_rng(0)
    features, weights = np.column_stack([np.ones(20_000), rng.normal(0, 2, (20_000, 2))]), np.array([-0.7, 1.8, 0.5])
    right = rng.random(20_000) < 1 / (1 + np.exp(-features @ weights))
    np.testing.assert_allclose(logistic_regression(features, right), weights, atol=0.1)


def test_a_calibrated_model_finds_the_same_with_better_scores(people, tmp_path, capsys):
    """Of the default model, made three times too cautious first."""
    cautious, out = tmp_path / "cautious.safetensors", tmp_path / "out.safetensors"
    weights, spec = read_model(default_weights())
    flat = {name: tensor / 3 if name.startswith(LAST) else tensor for name, tensor in weights.items()}
    save_model(cautious, flat, replace(spec, provenance={"temperature": 3.0}), torch.float16)
    assert main([str(cautious), str(out), "--data", str(people)]) == 0
    first, before, after = capsys.readouterr().out.splitlines()
    weights, spec = read_model(out)
    temperature = spec.provenance["temperature"] / 3
    assert temperature < 0.7 and first == f"temperature {temperature:.2f}; the other half of each set:"
    assert before.startswith(f"{people}, before: ") and after.startswith(f"{people}, after: ")
    scores = [float(line.partition("Brier score ")[2].partition(";")[0]) for line in (before, after)]
    assert scores[1] < 0.8 * scores[0]
    assert {weight.dtype for weight in weights.values() if weight.is_floating_point()} == {torch.float16}

    records = read_records(people).records[:4]
    images, boxes = [read_image(r.image_path) for r in records], [r.box_xyxy[None] for r in records]
    old, new = (Predictor(Torch(path), decoder="quadratic").predict(images, boxes) for path in (cautious, out))
    for [a], [b] in zip(old, new, strict=True):
        np.testing.assert_allclose(a.xy_image, b.xy_image, atol=0.3)
        assert (b.score > a.score).all()


@pytest.mark.parametrize(("activation", "lstm"), [("none", 0), ("softmax", 8)])
def test_a_model_that_cannot_be_calibrated_is_refused(people, tmp_path, capsys, activation, lstm):
    config = replace(SAMPLE_CONFIG.model, lstm_channels=lstm)
    spec = make_spec(config, SKELETONS["lsp14"], activation, {})
    model = tmp_path / "model.safetensors"
    save_model(model, build_network(spec).state_dict(), spec)
    assert main([str(model), str(tmp_path / "out.safetensors"), "--data", str(people)]) == 2
    assert "is not a network of single frames trained with a cross-entropy" in capsys.readouterr().err
    assert not (tmp_path / "out.safetensors").exists()


def test_too_few_people_are_refused(tmp_path, capsys):
    _, one = draw_sample(tmp_path / "sample", count=5, seed=1)
    assert main([str(default_weights()), str(tmp_path / "out.safetensors"), "--data", str(one)]) == 2
    assert "too few people" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "message"),
    [("set.json", "would overwrite what it is made from"), ("theirs.txt", "exists, and UniPose did not make it")],
)
def test_nobody_loses_a_file(tmp_path, capsys, name, message):
    for file in ("set.json", "theirs.txt"):
        (tmp_path / file).write_text("mine")
    assert main([str(default_weights()), str(tmp_path / name), "--data", str(tmp_path / "set.json")]) == 2
    assert message in capsys.readouterr().err
    assert {path.read_text() for path in tmp_path.iterdir()} == {"mine"}
