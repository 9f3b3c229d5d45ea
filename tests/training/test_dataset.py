from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from tests.support.ramps import ramp_image, ramp_joints
from unipose.core import heatmap
from unipose.core.geometry import Affine
from unipose.core.image import normalise
from unipose.datasets.records import Record
from unipose.training.augment import Appearance, RandomAffine
from unipose.training.dataset import PoseDataset

SIZE = (310, 230)
HIDDEN = 4
AFFINE = RandomAffine(scale=(0.9, 1.4), rotation=30, rotation_probability=0.6, shift=0.05, flip=0.5, half_body=0)


@pytest.fixture
def record(tmp_path: Path) -> Record:
    path = tmp_path / "ramp.png"
    Image.fromarray(ramp_image(SIZE)).save(path)
    labelled = np.ones(14, bool)
    labelled[HIDDEN] = False
    return Record(1, 1, path, ramp_joints(SIZE), labelled, labelled, np.array([90.0, 20, 290, 200]), None)


@pytest.mark.parametrize("seed", range(8))
def test_one_affine_moves_pixels_and_points(record, spec, ramp_reader, seed):
    """The joints found in the augmented pixels are those of the target, with left and right swapped if mirrored."""
    sample = PoseDataset([record], spec, AFFINE, seed=seed)[0]
    found, _ = heatmap.decode(ramp_reader.run(normalise(sample["image"].numpy(), spec.mean, spec.std)[None])[0])
    target, height = heatmap.decode(sample["target"].numpy())
    _, mirrored = AFFINE.draw(np.random.default_rng((seed, 0, 0)), record, spec.skeleton, spec.input_wh, spec.margin)
    if mirrored:
        found = found[list(spec.skeleton.mirror)]
    weight = sample["weight"].numpy().astype(bool)
    hidden = spec.skeleton.mirror[HIDDEN] if mirrored else HIDDEN
    assert not weight[hidden] and weight.sum() >= 8
    assert np.abs(found - target)[weight].max() < 0.15
    assert (height[weight] > 0.7).all() and not height[~weight].any()


def test_shapes(record, spec):
    sample = PoseDataset([record], spec)[0]
    assert sample["image"].shape == (96, 64, 3) and sample["target"].shape == (14, 24, 16)
    assert sample["weight"].tolist() == [1.0] * HIDDEN + [0.0] + [1.0] * (13 - HIDDEN)
    assert sample["image"].dtype == torch.uint8
    assert sample["target"].dtype == sample["weight"].dtype == torch.float32


def test_a_keypoint_outside_the_crop_has_no_weight(record, spec):
    tight = Record(
        1, 1, record.image_path, record.xy_image, record.labelled, record.visible, np.array([90.0, 20, 180, 160]), None
    )
    sample = PoseDataset([tight], spec)[0]
    assert 0 < sample["weight"].sum() < 13
    assert not sample["target"][sample["weight"] == 0].any()


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_do_not_change_the_samples(record, spec, workers):
    dataset = PoseDataset([record] * 6, spec, AFFINE, Appearance(1.0, 0.25), seed=3)
    expected = [dataset[i]["image"] for i in range(6)]
    loader = DataLoader(dataset, 2, num_workers=workers, persistent_workers=workers > 0)
    loaded = [image for batch in loader for image in batch["image"]]
    assert all(torch.equal(a, b) for a, b in zip(expected, loaded, strict=True))
    assert not torch.equal(expected[0], expected[1])
    dataset.epoch = 1  # which workers that stay hear of
    changed = next(iter(loader))["image"][0]
    assert torch.equal(changed, dataset[0]["image"]) and not torch.equal(expected[0], changed)


@pytest.mark.parametrize("affine", [None, AFFINE])
def test_a_sample_fits_its_box_and_judges_its_keypoints_once(record, spec, monkeypatch, affine):
    fit, inside = Mock(wraps=Affine.fit), Mock(wraps=heatmap.inside)
    dataset = PoseDataset([record], spec, affine)
    monkeypatch.setattr(Affine, "fit", fit)
    monkeypatch.setattr(heatmap, "inside", inside)
    assert dataset[0]["weight"].any()
    assert (fit.call_count, inside.call_count) == (1, 1)


def film(record, frames, video=1):
    """A clip of the record, its joints and box a pixel further to the right in each frame."""
    return [
        replace(record, frame=(video, i), xy_image=record.xy_image + (i, 0), box_xyxy=record.box_xyxy + (i, 0, i, 0))
        for i in range(frames)
    ]


def test_a_window_is_cropped_and_changed_alike(record, spec):
    """One affine for all its frames: the pictures are the same, the joints move on."""
    dataset = PoseDataset(film(record, 3), spec, AFFINE, Appearance(1.0, 1.0), seed=2, window=3)
    sample = dataset[0]
    assert sample["image"].shape == (3, 96, 64, 3) and sample["target"].shape == (3, 14, 24, 16)
    assert sample["weight"].shape == (3, 14) and sample["weight"].dtype == torch.float32
    assert torch.equal(sample["image"][0], sample["image"][2])
    _, mirrored = AFFINE.draw(np.random.default_rng((2, 0, 0)), record, spec.skeleton, spec.input_wh, spec.margin)
    found, _ = heatmap.decode(sample["target"].numpy())
    seen = sample["weight"].numpy().all(axis=0)
    step = (found[1:] - found[:-1])[:, seen]
    assert seen.sum() > 8 and (np.linalg.norm(step, axis=-1) > 0.02).all()
    np.testing.assert_allclose(step, np.broadcast_to(step[0, 0], step.shape), atol=0.02)
    assert (step[0, 0, 0] < 0) == mirrored
    dataset.epoch = 1
    assert not torch.equal(sample["image"], dataset[0]["image"])


def test_the_crop_of_a_window_is_its_mean_boxs(record, spec):
    """So people are as large in it as in the crop of a single frame."""
    clip = film(record, 31)
    sample = PoseDataset(clip, spec, window=31)[0]
    box = record.box_xyxy + (15, 0, 15, 0)
    to_heatmap = heatmap.from_input(spec.input_wh, spec.stride) @ Affine.fit(box, spec.input_wh, spec.margin)
    expected = heatmap.encode(
        to_heatmap(clip[9].xy_image), sample["weight"][9].numpy() > 0, spec.heatmap_wh, spec.sigma
    )
    np.testing.assert_allclose(sample["target"][9], expected, atol=1e-6)


def test_windows_cover_every_clip_that_is_long_enough(record, spec):
    records = [*film(record, 7), *film(record, 2, video=2), *film(record, 6, video=3)]
    dataset = PoseDataset(records, spec, window=3)
    starts = [window[0].frame for window in dataset.windows]
    assert starts == [(1, 0), (1, 2), (1, 4), (3, 0), (3, 3)]
    assert all(len(window) == dataset.frames == 3 for window in dataset.windows)
    assert len(PoseDataset(records, spec, window=1)) == 15
    with pytest.raises(ValueError, match=r"no clip has 8 consecutive frames: lower data.window"):
        PoseDataset(records, spec, window=8)
