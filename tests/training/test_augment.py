from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unipose.core.geometry import Affine
from unipose.core.skeleton import SKELETONS
from unipose.datasets.records import Record
from unipose.training.augment import Appearance, RandomAffine, half_body

LSP = SKELETONS["lsp14"]
BOX = np.array([40.0, 30.0, 120.0, 250.0])
# Ankles, knees and hips below y = 140, wrists, shoulders, neck and head above.
XY = np.stack(
    [np.linspace(50, 110, 14), np.array([240, 200, 150, 151, 201, 241, 120, 90, 60, 61, 91, 121, 50, 32.0])], 1
)
SIZE = (96, 128)
STILL = RandomAffine(scale=(1, 1), rotation=0, rotation_probability=1, shift=0, flip=0, half_body=0)


def person(labelled=np.ones(14, bool)) -> Record:  # noqa: B008  (never written to)
    return Record(1, 1, Path("x.jpg"), XY, labelled, labelled, BOX, None)


@pytest.mark.parametrize("seed", range(6))
def test_half_a_body_is_the_box_of_half_the_keypoints(seed):
    left, top, right, bottom = half_body(np.random.default_rng(seed), person(), LSP)
    upper = bottom < 200
    assert (top < 32 and 122 < bottom < 160) if upper else (100 < top < 150 and bottom > 241)
    chosen = XY[6:] if upper else XY[:6]
    assert left < chosen[:, 0].min() and right > chosen[:, 0].max()


def test_half_a_body_needs_three_keypoints():
    few = np.zeros(14, bool)
    few[[0, 13]] = True
    assert half_body(np.random.default_rng(0), person(few), LSP) is BOX
    affine, _ = replace(STILL, half_body=1).draw(np.random.default_rng(0), person(), LSP, SIZE, 1.25)
    assert affine.zoom > 1.2 * Affine.fit(BOX, SIZE, 1.25).zoom


@given(st.integers(0, 10_000))
def test_the_affine_keeps_to_its_bounds(seed):
    bounds = replace(STILL, scale=(0.8, 1.5), rotation=30, shift=0.1, flip=0.5)
    affine, mirrored = bounds.draw(np.random.default_rng(seed), person(), LSP, SIZE, 1.25)
    plain = Affine.fit(BOX, SIZE, 1.25)
    assert plain.zoom / 1.5 - 1e-9 <= affine.zoom <= plain.zoom / 0.8 + 1e-9
    centre = affine((BOX[:2] + BOX[2:]) / 2 - 0.5)
    assert (np.abs(centre - [47.5, 63.5]) <= [9.6 + 1e-9, 12.8 + 1e-9]).all()
    assert (np.linalg.det(affine.matrix[:, :2]) < 0) == mirrored
    along = affine([(0, 0), (1, 0)])
    direction = (along[1] - along[0]) * [-1 if mirrored else 1, 1] / affine.zoom
    assert direction[0] >= np.cos(np.radians(30)) - 1e-9


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_without_randomness_it_is_the_plain_crop(flip):
    affine, mirrored = replace(STILL, flip=flip).draw(np.random.default_rng(0), person(), LSP, SIZE, 1.25)
    plain = Affine.fit(BOX, SIZE, 1.25)
    assert mirrored == bool(flip)
    assert affine([(50, 60)]) == pytest.approx((Affine.mirror(96) @ plain if flip else plain)([(50, 60)]))


def test_appearance_depends_on_the_seed_alone_and_strength_0_changes_nothing():
    image = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    appearance = Appearance(1.0, 0.25)
    variants = [appearance(image, seed) for seed in range(12)]
    for seed in (3, 7):
        assert np.array_equal(Appearance(1.0, 0.25)(image, seed), variants[seed])
    assert len({variant.tobytes() for variant in variants}) > 6
    assert all(variant.shape == image.shape and variant.dtype == np.uint8 for variant in variants)
    assert np.array_equal(Appearance(0.0, 0.0)(image, 3), image)


def test_each_change_is_drawn_apart_from_the_others():
    """One number for all of them would leave two in five crops as they are, and give one in twenty everything."""
    image, appearance = np.random.default_rng(0).integers(0, 256, (16, 12, 3), np.uint8), Appearance(1.0, 0.25)
    unchanged = np.mean([np.array_equal(appearance(image, seed), image) for seed in range(1500)])
    assert unchanged == pytest.approx(np.prod([1 - p for p in appearance.probability.values()]), abs=0.04)
