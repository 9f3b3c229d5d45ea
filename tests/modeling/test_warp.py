import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unipose.core import image
from unipose.core.geometry import Affine
from unipose.modeling.warp import Normalise, Pictures, warp

SIZE = (46, 62)


def noise(seed: int, width: int, height: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def ramp(width: int, height: int) -> np.ndarray:
    """Red says 4 x, green says 4 y, blue nothing."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return np.stack([4 * x, 4 * y, 0 * x], axis=-1).astype(np.uint8)


def matrices(*affines: Affine) -> torch.Tensor:
    return torch.from_numpy(np.stack([affine.matrix for affine in affines]))


def levels(crops: torch.Tensor) -> np.ndarray:
    return crops.permute(0, 2, 3, 1).numpy()


@st.composite
def crops(draw):
    """An image's size, and an affine that shows some of it, turned, mirrored, from four times to a sixth as large."""
    width, height = draw(st.integers(1, 150)), draw(st.integers(1, 150))
    zoom, aspect = draw(st.floats(0.17, 4.0)), draw(st.floats(0.8, 1.25))
    x, y = draw(st.floats(-0.4, 1.4)) * width, draw(st.floats(-0.4, 1.4)) * height
    affine = Affine.rotate(draw(st.floats(-180, 180)), (0, 0)) @ Affine.translate(-x, -y)
    affine = Affine.translate(SIZE[0] / 2, SIZE[1] / 2) @ Affine(np.diag([zoom * aspect, zoom, 1])[:2]) @ affine
    return (width, height), Affine.mirror(SIZE[0]) @ affine if draw(st.booleans()) else affine


@given(st.lists(crops(), min_size=1, max_size=4))
@settings(max_examples=150)
def test_it_gives_the_pixels_of_the_cpus_warp(drawn):
    """Of noise, so that a hundredth of a pixel shows."""
    images = [noise(i, *size) for i, (size, _) in enumerate(drawn)]
    expected = [image.warp(one, affine, SIZE) for one, (_, affine) in zip(images, drawn, strict=True)]
    found = levels(warp(Pictures.of(list(map(torch.from_numpy, images))), matrices(*(a for _, a in drawn)), SIZE))
    assert found.shape == (len(drawn), SIZE[1], SIZE[0], 3) and found.dtype == np.float32
    difference = np.abs(found - np.array(expected, np.float32))
    assert difference.max() <= 1 and difference.mean() < 0.01


@pytest.mark.parametrize("zoom", [1.7, 0.9, 0.49, 0.24])
def test_positions_are_right_to_a_hundredth_of_a_pixel(zoom):
    affine = Affine.translate(9.3, 4.6) @ Affine.rotate(17, (20, 30)) @ Affine(np.diag([zoom, zoom, 1])[:2])
    found = levels(warp(Pictures.of([torch.from_numpy(ramp(62, 60))]), matrices(affine), SIZE))[0]
    source = affine.inverse()(np.stack(np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1])), axis=-1))
    inner = ((source > 6) & (source < (54, 52))).all(axis=-1)
    off = (found[..., :2] / 4 - source)[inner]
    assert inner.sum() > 80 and np.abs(off).max() < 0.126  # half a grey level
    assert np.abs(off.mean(axis=0)).max() < 0.01


def test_several_crops_of_an_image_and_some_far_smaller_than_others():
    pictures = [noise(0, 90, 70), noise(1, 400, 300)]
    which = torch.tensor([1, 0, 1, 1, 0])
    boxes = [(10, 20, 350, 290), (5, 9, 60, 64), (100, 80, 140, 130), (-50, -60, 20, 30), (500, 500, 560, 590)]
    affines = [Affine.fit(box, SIZE, 1.25) for box in boxes]
    found = levels(warp(Pictures.of([torch.from_numpy(p) for p in pictures]), matrices(*affines), SIZE, which))
    for crop, i, affine in zip(found, which, affines, strict=True):
        assert np.abs(crop - image.warp(pictures[i], affine, SIZE)).max() <= 1
    assert found[:4].any(axis=(1, 2, 3)).all() and not found[4].any()


def test_a_batch_is_a_list_of_images_of_one_size_and_is_not_copied():
    batch = torch.from_numpy(np.stack([noise(0, 50, 40), noise(1, 50, 40)]))
    pictures = Pictures.of(batch)
    assert pictures.pixels.data_ptr() == batch.data_ptr() and torch.equal(pictures[1], batch[1])
    affines = matrices(Affine.fit((4, 3, 30, 38), SIZE), Affine.fit((20, 3, 50, 38), SIZE))
    assert torch.equal(warp(pictures, affines, SIZE), warp(Pictures.of(list(batch)), affines, SIZE))


@pytest.mark.parametrize("images", [[], [torch.zeros(4, 5)], [torch.zeros(3, 4, 5)], [torch.zeros(0, 4, 3)]])
def test_what_is_no_image_is_refused(images):
    with pytest.raises(ValueError, match=r"images are \(H, W, 3\) and one or more"):
        Pictures.of(images)


def test_normalised_as_on_the_cpu_and_in_channels_last():
    picture, mean, std = noise(0, 90, 70), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    affine = Affine.fit((10, 20, 80, 60), SIZE)
    found = Normalise(mean, std)(warp(Pictures.of([torch.from_numpy(picture)]), matrices(affine), SIZE))
    assert found.is_contiguous(memory_format=torch.channels_last)
    expected = image.normalise(image.warp(picture, affine, SIZE), mean, std)
    difference = np.abs(found[0].numpy() - expected)
    assert difference.max() < 1.01 / 255 / 0.224 and difference.mean() < 1e-4
