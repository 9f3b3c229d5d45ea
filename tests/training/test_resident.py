from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from tests.support.ramps import ramp_image, ramp_joints
from tests.training.test_dataset import AFFINE, film
from unipose.core import heatmap
from unipose.datasets.records import Record
from unipose.modeling.warp import Pictures
from unipose.training import resident
from unipose.training.augment import Appearance
from unipose.training.dataset import PoseDataset
from unipose.training.resident import Plans, ResidentLoader, gaussians, load_pictures

CPU = torch.device("cpu")
SIZES = [(310, 230), (250, 333), (90, 120), (640, 700)]


@pytest.fixture
def records(tmp_path) -> list[Record]:
    """People in images of several sizes; one more is in the first of them."""
    found = []
    for i, (width, height) in enumerate([*SIZES, SIZES[0]]):
        path = tmp_path / f"{i % len(SIZES)}.png"
        Image.fromarray(ramp_image((width, height))).save(path)
        labelled = np.arange(14) != i
        box = np.array([0.3, 0.1, 0.9, 0.8]) * [width, height, width, height]
        found.append(Record(i, i, path, ramp_joints((width, height)), labelled, labelled, box, None))
    return found


def loader(dataset, **options) -> ResidentLoader:
    plans = Plans(dataset)
    loaded = DataLoader(plans, len(dataset), **options)
    return ResidentLoader(loaded, load_pictures(plans.paths, CPU), dataset.spec, dataset.with_time)


@pytest.mark.parametrize("window", [0, 2])
@pytest.mark.parametrize("epoch", [0, 3])
def test_a_batch_is_that_of_the_dataset_but_for_its_appearance(records, spec, window, epoch):
    records = [frame for i, one in enumerate(records) for frame in film(one, 2, video=i)] if window else records
    dataset = PoseDataset(records, spec, AFFINE, seed=5, window=window)
    dataset.epoch = epoch
    [expected] = DataLoader(dataset, len(dataset))
    [batch] = loader(dataset)
    assert batch["image"].shape == expected["image"].shape and batch["image"].dtype == torch.uint8
    assert (batch["image"].int() - expected["image"].int()).abs().max() <= 1
    assert torch.allclose(batch["target"], expected["target"], atol=1e-5)
    assert torch.equal(batch["weight"], expected["weight"]) and batch["weight"].dtype == torch.float32
    assert torch.equal(batch["index"], expected["index"])


@pytest.mark.parametrize("workers", [0, 2])
def test_samples_depend_on_seed_and_epoch_alone(records, spec, workers):
    dataset = PoseDataset(records, spec, AFFINE, Appearance(1.6, 0.5), seed=5, plain_from=1)
    batches = loader(dataset, num_workers=workers, persistent_workers=workers > 0)
    [first], [again] = batches, loader(PoseDataset(records, spec, AFFINE, Appearance(1.6, 0.5), seed=5))
    assert torch.equal(first["image"], again["image"])
    [plain] = DataLoader(PoseDataset(records, spec, AFFINE, seed=5), len(records))
    assert (first["image"].int() - plain["image"].int()).abs().max() > 20
    dataset.epoch = 1  # from which on there is no appearance
    [[second], [expected]] = batches, DataLoader(dataset, len(dataset))
    assert (second["image"].int() - expected["image"].int()).abs().max() <= 1


def test_a_windows_frames_are_changed_alike(records, spec):
    dataset = PoseDataset(film(records[0], 3), spec, AFFINE, Appearance(1.6, 1.0), seed=2, window=3)
    [batch] = loader(dataset)
    assert batch["image"].shape == (1, 3, 96, 64, 3) and torch.equal(batch["image"][0, 0], batch["image"][0, 2])
    assert not torch.equal(batch["target"][0, 0], batch["target"][0, 2])


def test_batches_are_made_on_the_device_without_looking_at_it(records, spec):
    """On one that has no values to look at, and refuses to be mixed with another."""
    dataset = PoseDataset(records, spec, AFFINE, Appearance(9.0, 1.0), seed=5)
    batches = loader(dataset)
    some = batches.pictures
    batches.pictures = Pictures(some.pixels.to("meta"), some.starts, some.sizes_wh)
    [batch] = batches
    assert {batch[part].device.type for part in ("image", "target", "weight")} == {"meta"}
    assert batch["image"].shape == (len(records), 96, 64, 3)


def test_targets_are_the_codecs():
    rng = np.random.default_rng(0)
    xy, drawn = rng.uniform(-3, 30, (2, 5, 2)).astype(np.float32), rng.random((2, 5)) < 0.7
    found = gaussians(torch.from_numpy(xy), torch.from_numpy(drawn), (16, 24), 1.5)
    for one, points, some in zip(found.numpy(), xy, drawn, strict=True):
        assert np.allclose(one, heatmap.gaussians(points, some, (16, 24), 1.5), atol=1e-6)


def test_pictures_are_upright_and_each_is_loaded_once(records, spec, tmp_path):
    turned = Image.fromarray(ramp_image((40, 30)))
    turned.getexif()[274] = 6
    turned.save(tmp_path / "turned.png", exif=turned.getexif())
    pictures = load_pictures([*Plans(PoseDataset(records, spec)).paths, tmp_path / "turned.png"], CPU)
    assert isinstance(pictures, Pictures) and len(pictures) == len(SIZES) + 1
    assert pictures[4].shape == (40, 30, 3)
    assert np.array_equal(pictures[4].numpy(), np.rot90(ramp_image((40, 30)), -1))
    assert np.array_equal(pictures[1].numpy(), ramp_image(SIZES[1]))


def test_pictures_that_do_not_fit_are_refused_before_they_are_decoded(records, spec, monkeypatch):
    monkeypatch.setattr(resident, "free_bytes", lambda device: 2_000_000)
    monkeypatch.setattr(resident, "read_image", lambda path: pytest.fail("decoded"))
    paths = Plans(PoseDataset(records, spec)).paths
    needed = f"{3 * sum(w * h for w, h in SIZES) / 1e9:.1f}"
    with pytest.raises(ValueError, match=rf"needs {needed} GB for 4 pictures, and of the 0.0 GB .* on cpu .* 80%"):
        load_pictures(paths, CPU)


def test_a_picture_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "bad.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"bad\.png is not a"):
        load_pictures([tmp_path / "bad.png"], CPU)


def test_free_memory_is_the_systems():
    free = resident.free_bytes(CPU)
    assert free is None or 1e7 < free < 1e14
    assert Path("/proc/meminfo").exists() == (free is not None)
