from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import DataLoader

from tests.inference.detectors.test_finder import SPEC, RedFinder
from unipose.core.box_maps import decode
from unipose.core.geometry import Affine
from unipose.core.image import normalise, read_image
from unipose.core.skeleton import SKELETONS
from unipose.datasets.records import Annotated, RecordSet
from unipose.inference.detectors.finder import Finder
from unipose.training.augment import Appearance, RandomView
from unipose.training.finder_dataset import FinderDataset, LabelledImage, boxes_in_view, labelled_images

VIEW = RandomView(scale=(0.6, 1.8), stretch=1.4, shift=0.4, flip=0.5)
SIZES = [(310, 230), (250, 333), (300, 300), (200, 120)]
FRONT, BACK = [20.0, 10, 80, 110], [100.0, 30, 190, 100]
NOBODY = np.zeros((0, 4)), np.zeros(0, bool)


def one(box) -> tuple[np.ndarray, np.ndarray]:
    return np.array([box], float), np.array([False])


@pytest.fixture(scope="module")
def people(tmp_path_factory) -> list[LabelledImage]:
    """Four images of different sizes; each person is a red rectangle off the middle."""
    folder = tmp_path_factory.mktemp("people")
    found = []
    for i, (width, height) in enumerate(SIZES):
        pixels = np.full((height, width, 3), 200, np.uint8)
        box = np.round(np.array([0.2 + 0.05 * i, 0.15, 0.55, 0.8 - 0.05 * i]) * [width, height, width, height])
        left, top, right, bottom = box.astype(int)
        pixels[top:bottom, left:right] = (255, 0, 0)
        Image.fromarray(pixels).save(folder / f"{i}.png")
        found.append(LabelledImage(folder / f"{i}.png", *one(box), complete=True))
    return found


def target_boxes(sample, quarter=(slice(None), slice(None))) -> np.ndarray:
    """The boxes (N, 4), in pixels of the input, whose centres lie in a part of the map."""
    target = sample["target"].numpy()[:, *quarter]
    return np.unique(SPEC.stride * target[1:, target[0] == 1].T, axis=0)


def red_box(sample, quarter=(slice(None), slice(None))) -> np.ndarray:
    """The box around the red pixels in a part of the map, in pixels of the input."""
    rows, columns = (slice(part.start and 8 * part.start, part.stop and 8 * part.stop) for part in quarter)
    pixels = np.zeros((3, 64, 96), np.float32)
    pixels[:, rows, columns] = normalise(sample["image"].numpy(), SPEC.mean, SPEC.std)[:, rows, columns]
    boxes, _ = decode(RedFinder().run(pixels[None])[0], 0.5)
    return SPEC.stride * boxes


@given(st.integers(0, 2**32), st.integers(0, 3))
def test_one_affine_moves_pixels_and_boxes(people, seed, index):
    """Whoever is asked for is where the picture shows them; who is not is small, or cut off by the view's edge."""
    sample = FinderDataset(people, SPEC, VIEW, seed=seed)[index]
    asked, seen = target_boxes(sample), red_box(sample)
    if len(asked) or not len(seen):
        np.testing.assert_allclose(asked, seen, atol=1.6)
    else:
        [[left, top, right, bottom]] = seen
        small = right - left < 7 or bottom - top < 14
        assert small or left < 1 or top < 1 or right > 95 or bottom > 63


@pytest.mark.parametrize("index", range(4))
def test_without_randomness_the_image_is_what_the_finder_sees(people, index):
    sample = FinderDataset(people, SPEC)[index]
    expected = Finder(RedFinder()).prepare(read_image(people[index].path))
    assert np.array_equal(normalise(sample["image"].numpy(), SPEC.mean, SPEC.std), expected)
    scaled = people[index].boxes_xyxy * np.tile(np.divide(SPEC.input_wh, SIZES[index]), 2)
    np.testing.assert_allclose(target_boxes(sample), scaled, atol=1e-4)
    assert sample["image"].shape == (64, 96, 3) and sample["image"].dtype == torch.uint8
    assert sample["target"].shape == (5, 8, 12) and sample["weight"].shape == (2, 8, 12)
    assert sample["target"].dtype == sample["weight"].dtype == torch.float32


QUARTERS = [(rows, columns) for rows in (slice(0, 4), slice(4, 8)) for columns in (slice(0, 6), slice(6, 12))]


@given(st.integers(0, 2**32), st.integers(0, 3))
def test_a_mosaic_is_four_images_each_with_its_boxes(people, seed, index):
    whole = RandomView(scale=(1, 1), stretch=1, shift=0, flip=0.5)
    dataset = FinderDataset(people, SPEC, whole, seed=seed, mosaic=1.0)
    paths, sample = dataset.image_paths(index), dataset[index]
    assert len(paths) == 4 and paths[0] == people[index].path
    assert len(target_boxes(sample)) == 4
    for quarter in QUARTERS:
        np.testing.assert_allclose(target_boxes(sample, quarter), red_box(sample, quarter), atol=1.1)


def test_views_are_of_people_not_of_crowds(people):
    asked = []

    def draw(rng, image_wh, boxes_xyxy, size_wh):
        asked.append((image_wh, boxes_xyxy.tolist(), size_wh))
        return Affine.resize(image_wh, size_wh)

    image = replace(people[0], boxes_xyxy=np.array([FRONT, BACK]), crowd=np.array([True, False]))
    FinderDataset([image], SPEC, Mock(draw=draw))[0]
    assert asked == [(SIZES[0], [BACK], (96, 64))]


def test_so_many_samples_are_mosaics(people):
    dataset = FinderDataset(people, SPEC, VIEW, mosaic=0.3)
    counts = []
    for epoch in range(100):
        dataset.epoch = epoch
        counts += [len(dataset.image_paths(i)) for i in range(4)]
    assert set(counts) == {1, 4} and 0.2 < np.mean(np.array(counts) == 4) < 0.4


def test_a_mirrored_view_has_mirrored_boxes(people):
    """Those of the same view, unmirrored."""
    for seed in range(20):
        plain, mirrored = (FinderDataset(people, SPEC, replace(VIEW, flip=flip), seed=seed)[1] for flip in (0.0, 1.0))
        left, top, right, bottom = target_boxes(plain).T
        expected = np.stack([96 - right, top, 96 - left, bottom], axis=1)
        np.testing.assert_allclose(target_boxes(mirrored), expected, atol=1e-3)
        assert (plain["image"].flip(1).float() - mirrored["image"].float()).abs().mean() < 2


GREY = np.full((120, 200, 3), 90, np.uint8)


@pytest.fixture
def judged(tmp_path):
    """Where the finder is judged (8, 12), and where boxes are asked for, in an image with these boxes."""
    Image.fromarray(GREY).save(tmp_path / "grey.png")

    def weights(boxes, crowd, complete=True):
        image = LabelledImage(
            tmp_path / "grey.png", np.array(boxes, float).reshape(-1, 4), np.array(crowd, bool), complete
        )
        counted, weight = FinderDataset([image], SPEC)[0]["weight"].numpy()
        return counted.astype(bool), weight > 0

    return weights


def cells(box):
    """The cells (8, 12) whose centre lies in a box of the grey image."""
    left, top, right, bottom = np.array(box) * np.tile([12 / 200, 8 / 120], 2)
    x, y = np.arange(12) + 0.5, np.arange(8)[:, None] + 0.5
    return (x > left) & (x < right) & (y > top) & (y < bottom)


TINY, CUT = [150.0, 60, 158, 100], [185.0, -100, 260, 100]  # 3.8 pixels of the input wide; a tenth of it seen


@pytest.mark.parametrize(
    ("boxes", "crowd", "unjudged"),
    [
        ([FRONT, BACK], [False, False], []),
        ([FRONT, BACK], [False, True], [BACK]),
        ([FRONT, TINY], [False, False], [TINY]),
        ([FRONT, CUT], [False, False], [CUT]),
        ([BACK], [True], [BACK]),
        ([], [], []),
    ],
)
def test_who_cannot_be_made_out_is_neither_asked_for_nor_punished(judged, boxes, crowd, unjudged):
    counted, asked = judged(boxes, crowd)
    assert np.array_equal(~counted, np.any([cells(box) for box in unjudged] or [np.zeros((8, 12), bool)], axis=0))
    wanted = [box for box in boxes if box not in unjudged]
    assert not (asked & ~np.any([cells(box) for box in wanted] or [np.zeros((8, 12), bool)], axis=0)).any()
    assert all((asked & cells(box)).any() for box in wanted)


def test_within_the_box_of_somebody_who_is_asked_for_a_crowd_is_judged(judged):
    around = [10.0, 5, 150, 115]
    counted, _ = judged([FRONT, around], [False, True])
    assert np.array_equal(counted, cells(FRONT) | ~cells(around)) and not counted.all()


@pytest.mark.parametrize("crowd", [[False], [True]])
def test_where_people_may_lack_a_box_the_finder_is_judged_within_boxes_alone(judged, crowd):
    counted, asked = judged([FRONT], crowd, complete=False)
    assert np.array_equal(counted, cells(FRONT) if not crowd[0] else np.zeros((8, 12), bool))
    assert asked.any() == (not crowd[0])
    assert not judged([], [], complete=False)[0].any()


def test_in_a_mosaic_each_image_is_judged_by_itself(tmp_path):
    """Of a set with everybody's box and one that may lack some."""
    images = [LabelledImage(tmp_path / f"{i}.png", *NOBODY, complete=i == 0) for i in range(2)]
    for image in images:
        Image.fromarray(GREY).save(image.path)
    dataset = FinderDataset(images, SPEC, mosaic=1.0)
    for epoch in range(8):
        dataset.epoch = epoch
        counted = dataset[0]["weight"][0].numpy()
        for path, quarter in zip(dataset.image_paths(0), QUARTERS, strict=True):
            assert counted[quarter].all() if path == images[0].path else not counted[quarter].any()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_sample_depends_on_seed_epoch_and_number_alone(people, workers):
    def dataset(seed=3):
        return FinderDataset(people, SPEC, VIEW, Appearance(1.0, 0.25), seed=seed, mosaic=0.5)

    expected = [dataset()[i] for i in range(4)]
    loaded = next(iter(DataLoader(dataset(), 4, num_workers=workers)))
    for key in ("image", "target", "weight"):
        assert torch.equal(torch.stack([sample[key] for sample in expected]), loaded[key])
    assert loaded["index"].tolist() == [0, 1, 2, 3]
    later, other = dataset(), dataset(seed=4)
    later.epoch = 1
    for i in range(4):
        assert not torch.equal(later[i]["image"], expected[i]["image"])
        assert not torch.equal(other[i]["image"], expected[i]["image"])


def test_a_change_of_appearance_moves_no_box(people):
    plain, changed = (FinderDataset(people, SPEC, VIEW, appearance) for appearance in (None, Appearance(1.0, 1.0)))
    for i in range(4):
        assert torch.equal(plain[i]["target"], changed[i]["target"]) and torch.equal(
            plain[i]["weight"], changed[i]["weight"]
        )
        assert not torch.equal(plain[i]["image"], changed[i]["image"])


@pytest.mark.parametrize(
    ("box", "seen", "ignored"),
    [
        ([20, 10, 80, 50], [20, 10, 80, 50], False),
        ([-20, 10, 30, 70], [0, 10, 30, 64], False),  # clipped; 54 % of it
        ([-70, 10, 30, 50], [0, 10, 30, 50], True),  # 30 % of it
        ([20, 10, 24.9, 50], [20, 10, 24.9, 50], True),  # too narrow
        ([20, 10, 60, 21.9], [20, 10, 60, 21.9], True),  # too low
        ([20, 10, 25, 22], [20, 10, 25, 22], False),  # just large enough
        ([20, 10, 22, 12.1], [20, 10, 22, 12.1], True),
        ([20, 10, 21.9, 12.1], None, None),  # nothing that could be punished
        ([97, 10, 140, 50], None, None),
    ],
)
def test_boxes_in_a_view_of_96_by_64(box, seen, ignored):
    boxes, hidden = boxes_in_view(Affine.identity(), *one(box), (96, 64))
    assert boxes.tolist() == ([] if seen is None else [seen]) and hidden.tolist() == ([] if seen is None else [ignored])
    crowds, hidden = boxes_in_view(Affine.identity(), one(box)[0], np.array([True]), (96, 64))
    assert np.array_equal(crowds, boxes) and hidden.all()


some_boxes = st.lists(
    st.tuples(st.floats(-80, 200), st.floats(-80, 150), st.floats(1, 200), st.floats(1, 200)), max_size=4
).map(lambda drawn: np.array([(x, y, x + w, y + h) for x, y, w, h in drawn], float).reshape(-1, 4))


@given(some_boxes, st.integers(0, 2**32))
def test_boxes_in_a_mirrored_view_are_mirrored(boxes, seed):
    affine = replace(VIEW, flip=0).draw(np.random.default_rng(seed), (200, 120), boxes, (96, 64))
    crowd = np.arange(len(boxes)) == 1
    seen, ignored = boxes_in_view(affine, boxes, crowd, (96, 64))
    mirrored, also = boxes_in_view(Affine.mirror(96) @ affine, boxes, crowd, (96, 64))
    assert (seen >= 0).all() and (seen <= [96, 64, 96, 64]).all()
    assert len(seen) == len(mirrored) and np.array_equal(ignored, also)
    np.testing.assert_allclose(mirrored[:, [0, 2]], 96 - seen[:, [2, 0]], atol=1e-9)
    np.testing.assert_allclose(mirrored[:, [1, 3]], seen[:, [1, 3]], atol=1e-9)


def test_all_images_of_a_set(tmp_path, people):
    paths = {9: people[2].path, 4: people[0].path}
    boxes = {4: Annotated(np.array([FRONT, BACK]), np.array([False, True]))}
    record_set = RecordSet(tmp_path / "set.json", SKELETONS["lsp14"], (), paths, boxes, complete=False)
    empty, several = labelled_images(record_set)
    assert (empty.path, several.path) == (people[2].path, people[0].path)
    assert empty.boxes_xyxy.shape == (0, 4) and not len(empty.crowd)
    assert several.boxes_xyxy.tolist() == [FRONT, BACK] and several.crowd.tolist() == [False, True]
    assert not empty.complete and all(image.complete for image in labelled_images(replace(record_set, complete=True)))


def test_a_missing_image_is_named(tmp_path):
    record_set = RecordSet(tmp_path / "set.json", SKELETONS["lsp14"], (), {1: Path("none.jpg")}, {})
    with pytest.raises(FileNotFoundError, match=r"set\.json names the image none\.jpg, which does not exist"):
        labelled_images(record_set)
