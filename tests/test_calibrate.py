from dataclasses import replace

import numpy as np
import pytest
import torch

from unipose.calibrate import main
from unipose.core.image import read_image
from unipose.core.model_spec import KeypointScore
from unipose.datasets.records import read_records
from unipose.datasets.synthetic.images import draw_sample
from unipose.inference.predictor import Predictor
from unipose.modeling.checkpoint import read_model, save_model
from unipose.runtime.torch_engine import Torch
from unipose.weights import default_weights


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    train, _ = draw_sample(tmp_path_factory.mktemp("sample"), count=40, seed=1)
    return train


def test_a_calibrated_model_finds_the_same_with_better_scores(people, tmp_path, capsys):
    """Of the default model, made far too cautious first."""
    cautious, out = tmp_path / "cautious.safetensors", tmp_path / "out.safetensors"
    weights, spec = read_model(default_weights())
    save_model(cautious, weights, replace(spec, keypoint_score=KeypointScore(-3.0, 0.5)), torch.float16)
    assert main([str(cautious), str(out), "--data", str(people)]) == 0
    first, before, after = capsys.readouterr().out.splitlines()
    weights, spec = read_model(out)
    assert spec.keypoint_score.slope > 0
    assert first == f"keypoint score, {spec.keypoint_score}; the other half of each set:"
    assert before.startswith(f"{people}, before: ") and after.startswith(f"{people}, after: ")
    scores = [float(line.partition("Brier score ")[2].partition(";")[0]) for line in (before, after)]
    assert scores[1] < 0.8 * scores[0]
    assert {weight.dtype for weight in weights.values() if weight.is_floating_point()} == {torch.float16}

    records = read_records(people).records[:4]
    images, boxes = [read_image(r.image_path) for r in records], [r.box_xyxy[None] for r in records]
    old, new = (Predictor(Torch(path)).predict(images, boxes) for path in (cautious, out))
    for [a], [b] in zip(old, new, strict=True):
        np.testing.assert_array_equal(a.xy_image, b.xy_image)
        assert b.score.mean() > a.score.mean()


def test_each_set_counts_alike(people, tmp_path, capsys):
    """So the same set twice gives the same rule as once."""
    out = [tmp_path / name for name in ("once.safetensors", "twice.safetensors")]
    for sets, path in zip(([people], [people, people]), out, strict=True):
        assert main([str(default_weights()), str(path), "--data", *map(str, sets)]) == 0
    once, twice = (read_model(path)[1].keypoint_score for path in out)
    assert (once.bias, once.slope) == pytest.approx((twice.bias, twice.slope), abs=1e-3)


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


def test_who_is_found_in_photographs_of_nobody_is_wrong(people, tmp_path, capsys):
    """Drawn figures stand in for those who are falsely found; the rule but for its threshold stays."""
    _, with_people = draw_sample(tmp_path / "sample", count=20, seed=2)
    empty = read_records(with_people).records[0].image_path.parent
    rules, f1 = [], []
    for path, options in ((tmp_path / "a.safetensors", []), (tmp_path / "b.safetensors", ["--empty", str(empty)])):
        sets = ["--data", str(people), "--people", str(people), *options]
        assert main([str(default_weights()), str(path), *sets]) == 0
        rules.append(read_model(path)[1].person_score)
        f1.append(float(capsys.readouterr().out.rpartition(": F1 ")[2].partition(",")[0]))
    assert f1[1] < f1[0]
    assert replace(rules[1], threshold=rules[0].threshold) == rules[0]
    assert main([str(default_weights()), str(path), "--data", str(people), "--empty", str(empty), "--force"]) == 2
    assert "--empty needs --people" in capsys.readouterr().err
