"""One picture changed many times, by albumentations and on the device: what comes out is distributed alike."""

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from unipose.datasets.synthetic.images import draw_image
from unipose.training.augment import Appearance
from unipose.training.device_appearance import WIDEST, draw_change, make_changes, normal, turn_hue

SIZE = (48, 64)
KINDS = ("colour", "grey", "blur", "noise", "compression", "holes")
SEEDS = np.random.default_rng(0).integers(2**31, size=1500)
SAME = 1.63 * np.sqrt(2 / len(SEEDS))
"""Of two samples of one distribution 99 % are nearer to each other than this (Kolmogorov, Smirnov)."""


@pytest.fixture(scope="module")
def picture():
    return draw_image(np.random.default_rng(5), SIZE)[0]


def only(kind):
    """An appearance that certainly does this, and nothing else."""
    appearance = Appearance(0.0, 0.0)
    appearance.probability[kind] = appearance.transform.transforms[KINDS.index(kind)].p = 1.0
    return appearance


def crops_of(picture, count):
    return torch.from_numpy(picture).permute(2, 0, 1).float().expand(count, -1, -1, -1)


def on_device(picture, appearance, seeds):
    """(n, h, w, 3) of a picture changed once for each seed."""
    changes = default_collate([draw_change(appearance, int(seed), SIZE) for seed in seeds])
    return make_changes(crops_of(picture, len(seeds)), changes).permute(0, 2, 3, 1).numpy()


def statistics(images, original):
    """What changes did to a picture (n, h, w, 3) -> by name (n,)."""
    images, original = images.astype(np.float64), original.astype(np.float64)
    found = {name: images[..., i].mean(axis=(1, 2)) for i, name in enumerate(("red", "green", "blue"))}
    found["contrast"] = images.std(axis=(1, 2)).mean(axis=1)
    found["colour"] = (images.max(axis=3) - images.min(axis=3)).mean(axis=(1, 2))
    found["roughness"] = np.abs(np.diff(images, axis=2)).mean(axis=(1, 2, 3))
    found["change"] = np.abs(images - original).mean(axis=(1, 2, 3))
    found["touched"] = (images != original).any(axis=3).mean(axis=(1, 2))
    return {name: values.round(6) for name, values in found.items()}


def far_apart(first, second):
    """The largest distance between the cumulative distributions of two samples."""
    grid = np.sort(np.concatenate([first, second]))
    below = [np.searchsorted(np.sort(sample), grid, side="right") / len(sample) for sample in (first, second)]
    return np.abs(below[0] - below[1]).max()


@pytest.fixture(scope="module")
def both(picture):
    """The statistics of an appearance's changes by albumentations, and on the device."""

    def compare(appearance):
        ordinary = np.stack([appearance(picture, int(seed)) for seed in SEEDS])
        found = np.concatenate([on_device(picture, appearance, some) for some in SEEDS.reshape(-1, 100)])
        assert found.min() >= 0 and found.max() <= 255 and (found == found.round()).all()
        return statistics(ordinary, picture), statistics(found, picture)

    return compare


@pytest.mark.parametrize("kind", ["colour", "blur", "noise", "holes", "all"])
def test_changes_are_distributed_as_albumentations_makes_them(both, kind):
    ordinary, found = both(Appearance(1.0, 0.25) if kind == "all" else only(kind))
    apart = {name: far_apart(values, found[name]) for name, values in ordinary.items()}
    assert max(apart.values()) < SAME, apart


def test_compression_loses_as_much_as_albumentations_does(both):
    """Of one picture all files are nearly alike, so here the means say more than the distributions."""
    ordinary, found = both(only("compression"))
    for name, values in ordinary.items():
        assert found[name].mean() == pytest.approx(values.mean(), rel=0.05), name
    assert far_apart(ordinary["change"], found["change"]) < 2 * SAME


def test_grey_is_opencvs(picture):
    changed = on_device(picture, only("grey"), SEEDS[:1])[0]
    assert np.abs(changed - cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None]).max() <= 1


def test_a_change_depends_on_its_seed_alone_and_nothing_is_changed_without_one(picture):
    appearance, seeds = Appearance(2.0, 0.9), SEEDS[:40]
    together = on_device(picture, appearance, seeds)
    alone = np.concatenate([on_device(picture, appearance, [seed]) for seed in seeds])
    assert np.array_equal(together, alone) and len({one.tobytes() for one in alone}) == 40
    for nothing in (None, Appearance(0.0, 0.0)):
        assert np.array_equal(on_device(picture, nothing, seeds[:3]), np.stack([picture] * 3))


@pytest.mark.parametrize("share", [0.0, 1 / 3, -0.04, 0.7])
def test_a_turned_hue_is_opencvs(picture, share):
    hsv = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + 360 * share) % 360
    expected = 255 * cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    found = turn_hue(crops_of(picture, 1), torch.tensor([share]))[0].permute(1, 2, 0).numpy()
    assert np.abs(found - expected).max() < 0.05


def test_a_blur_is_opencvs(picture):
    change = draw_change(only("blur"), 4, SIZE)
    expected = cv2.filter2D(picture, -1, change.kernel.numpy())
    assert change.kernel.shape == (WIDEST, WIDEST) and change.kernel.sum() == pytest.approx(1)
    assert np.abs(on_device(picture, only("blur"), [4])[0] - expected).max() <= 1


def test_noise_is_normal_and_each_seed_has_its_own():
    first, second = normal(torch.tensor([3, 4]), (3, 64, 64)).numpy()
    assert first.mean() == pytest.approx(0, abs=0.03) and first.std() == pytest.approx(1, abs=0.03)
    assert (np.abs(first) > 2).mean() == pytest.approx(0.0455, abs=0.006)
    for other in (second, np.roll(first, 1, axis=2), np.roll(first, 1, axis=1), np.roll(first, 1, axis=0)):
        assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.03
