import json
from itertools import combinations, pairwise

import cv2
import make_sample
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unipose.core.boxes import iou
from unipose.core.skeleton import SKELETONS
from unipose.datasets.records import read_records
from unipose.datasets.synthetic.figure import NO_PART, PART_ID, PARTS, Canvas, Figure
from unipose.datasets.synthetic.images import draw_image, draw_sample, place_figures, shared

SIZE_WH = (120, 90)
INDEX = {name: k for k, name in enumerate(SKELETONS["lsp14"].keypoints)}


def draw(number: int, seed: int = 0, figures: int = 1):
    return draw_image(np.random.default_rng((seed, number)), SIZE_WH, figures)


def test_the_files(tmp_path):
    """Twelve pictures, in turn of a figure, of two, and of nobody."""
    train_path, test_path = draw_sample(tmp_path, 12, 3, SIZE_WH, figures=(1, 2, 0))
    train, test = read_records(train_path), read_records(test_path)
    assert train.skeleton is SKELETONS["lsp14"] and train.complete and test.complete
    assert (list(train.images), list(test.images)) == (list(range(1, 11)), [11, 12])
    assert (len(train.records), len(test.records)) == (10, 2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["images", "test.json", "train.json"]
    for record_set in (train, test):
        for number, path in record_set.images.items():
            image, xy_image, visibility, boxes_xyxy = draw(number, 3, (0, 1, 2)[number % 3])
            stored = cv2.imread(str(path))[..., ::-1]
            assert np.abs(stored.astype(int) - image).mean() < 12  # JPEG, and colour at half resolution
            people = [record for record in record_set.records if record.image_id == number]
            assert len(people) == len(xy_image) == (0, 1, 2)[number % 3]
            for i, record in enumerate(people):
                np.testing.assert_allclose(record.xy_image, xy_image[i], atol=1e-3)
                np.testing.assert_allclose(record.box_xyxy, boxes_xyxy[i], atol=1e-3)
                assert record.labelled.all() and record.visible.tolist() == (visibility[i] == 2).tolist()


def test_of_the_sample_a_tenth_shows_nobody_and_a_fifth_several(tmp_path):
    train = read_records(draw_sample(tmp_path, count=25, size_wh=SIZE_WH)[0])
    shown = [len(train.boxes.get(image_id, ())) for image_id in train.images]
    assert [shown.count(people) for people in (0, 1, 2, 3)] == [2, 14, 2, 2]


def test_the_same_seed_draws_the_same_images_and_another_others(tmp_path):
    for folder, count, seed in (("a", 6, 1), ("b", 8, 1), ("c", 6, 2)):
        draw_sample(tmp_path / folder, count, seed, SIZE_WH)
    a, b, c = ([(tmp_path / f / "images" / f"0000{i}.jpg").read_bytes() for i in range(1, 7)] for f in "abc")
    assert a == b
    assert len({*a, *c}) == 12


@pytest.mark.parametrize(("count", "size_wh"), [(4, (192, 160)), (10, (192, 63))])
def test_too_few_or_too_small_images_are_refused(tmp_path, count, size_wh):
    with pytest.raises(ValueError, match="at least 5 images of at least 64x64 pixels"):
        draw_sample(tmp_path, count, size_wh=size_wh)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("figures", [(), (0, 0), (1, -1)])
def test_somebody_must_be_drawn(tmp_path, figures):
    with pytest.raises(ValueError, match=r"some of them at least one, got \("):
        draw_sample(tmp_path, figures=figures)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", range(30))
def test_a_figure_lies_within_its_box_and_the_box_within_the_image(number):
    image, [xy_image], _, [box_xyxy] = draw(number)
    assert image.shape == (90, 120, 3)
    assert (box_xyxy[:2] >= 0).all()
    assert (box_xyxy[2:] <= SIZE_WH).all()
    assert (xy_image > box_xyxy[:2] - 1.5).all()
    assert (xy_image < box_xyxy[2:] + 0.5).all()
    assert (box_xyxy[2:] - box_xyxy[:2]).max() > 0.5 * min(SIZE_WH)


@given(st.integers(0, 2**32), st.integers(0, 5))
def test_everybody_in_a_picture_is_labelled(seed, figures):
    image, xy_image, visibility, boxes_xyxy = draw_image(np.random.default_rng(seed), SIZE_WH, figures)
    assert image.shape == (90, 120, 3)
    count = len(boxes_xyxy)
    assert min(figures, 2) <= count <= figures
    assert (xy_image.shape, visibility.shape, boxes_xyxy.shape) == ((count, 14, 2), (count, 14), (count, 4))
    assert (boxes_xyxy >= 0).all() and (boxes_xyxy <= [*SIZE_WH, *SIZE_WH]).all()
    low, high = xy_image.min(axis=1, initial=999), xy_image.max(axis=1, initial=0)
    assert (low > boxes_xyxy[:, :2] - 1.5).all() and (high < boxes_xyxy[:, 2:] + 0.5).all()


@given(st.integers(0, 2**32), st.integers(2, 5))
def test_figures_hide_each_other_by_half_at_most_the_nearer_in_front(seed, count):
    figures = place_figures(np.random.default_rng(seed), SIZE_WH, count)
    assert all(shared(a, b) <= 0.5 for a, b in combinations(figures, 2))
    assert all(farther.size <= nearer.size for farther, nearer in pairwise(figures))


def test_some_figures_cover_others():
    covered = [draw(number, figures=3).boxes_xyxy for number in range(20)]
    overlap = [np.triu(iou(boxes, boxes), 1).max() for boxes in covered]
    assert 5 < sum(value > 0.05 for value in overlap) < 20


def test_the_set_is_varied():
    drawn = [draw(number) for number in range(120)]
    xy = np.concatenate([drawing.xy_image for drawing in drawn])
    hidden = np.mean([drawing.visibility == 1 for drawing in drawn])
    assert 0.005 < hidden < 0.2
    mirrored = xy[:, INDEX["right_shoulder"], 0] > xy[:, INDEX["left_shoulder"], 0]
    assert 0.25 < mirrored.mean() < 0.55  # seen from behind
    # An average pose is a poor guess: even with every figure centred at the pelvis and scaled, its PCK@0.2 is low.
    relative = xy - xy[:, [INDEX["right_hip"], INDEX["left_hip"]]].mean(axis=1, keepdims=True)
    torso = np.linalg.norm(xy[:, INDEX["left_shoulder"]] - xy[:, INDEX["right_hip"]], axis=1)
    relative /= torso[:, None, None]
    guessed = np.linalg.norm(relative - np.median(relative, axis=0), axis=2) < 0.2
    assert guessed.mean() < 0.5


def test_a_covered_joint_is_not_visible():
    canvas, xy = Canvas(SIZE_WH), np.array([50.0, 40.0])
    canvas.figures = 1
    assert not canvas.shows("left_elbow", xy, 1)
    canvas.limb(xy, xy + (20, 3), (4, 3), (200, 150, 120), PART_ID["left_forearm"])
    assert canvas.shows("left_elbow", xy, 1)
    assert not canvas.shows("right_elbow", xy, 1) and not canvas.shows("left_elbow", xy, 2)
    canvas.disc(xy, 6, (10, 10, 10), PART_ID["torso"])
    assert not canvas.shows("left_elbow", xy, 1)
    canvas.disc(xy + (20, 3), 6, (10, 10, 10))
    assert not canvas.shows("left_wrist", xy + (20, 3), 1)


def test_the_same_joint_of_somebody_in_front_covers_it():
    """And the box of each is that of the whole figure, with what others cover."""
    canvas, behind = Canvas(SIZE_WH), np.array([50.0, 40.0])
    boxes = []
    for figure, start in ((1, behind), (2, behind + (12, 2))):
        canvas.figures = figure
        canvas.limb(start, start + (20, 0), (4, 4), (200, 150, 120), PART_ID["left_forearm"])
        boxes.append(canvas.body_box())
    assert canvas.shows("left_elbow", behind, 1) and not canvas.shows("left_wrist", behind + (20, 0), 1)
    assert canvas.shows("left_wrist", behind + (32, 2), 2) and not canvas.shows("left_elbow", behind, 2)
    np.testing.assert_allclose(boxes, [[46.5, 36.5, 74.5, 44.5], [58.5, 38.5, 86.5, 46.5]], atol=0.6)


@pytest.mark.parametrize("centre_xy", [(20.0, 15.0), (20.5, 15.5), (10.75, 20.9)])
def test_a_canvas_draws_at_pixel_centres(centre_xy):
    canvas = Canvas((40, 32))
    canvas.disc(centre_xy, 6.0, (200, 200, 200))
    weight = cv2.resize(canvas.image[..., 0], (40, 32), interpolation=cv2.INTER_AREA)
    y, x = np.mgrid[:32, :40]
    np.testing.assert_allclose((np.average(x, weights=weight), np.average(y, weights=weight)), centre_xy, atol=0.03)
    assert np.sqrt(weight.sum() / 200 / np.pi) == pytest.approx(6.0, abs=0.4)  # OpenCV fills the outline's pixels too


def test_every_joint_belongs_to_a_part():
    assert {joint for joints in PARTS.values() for joint in joints} == set(SKELETONS["lsp14"].keypoints)


@pytest.mark.parametrize("seed", range(20))
def test_the_left_side_follows_from_whether_the_figure_faces_the_camera(seed):
    """Facing the camera, the left side is on the viewer's right; from behind, on the left, however the figure leans."""
    figure = Figure(np.random.default_rng(seed), SIZE_WH)
    canvas = Canvas(SIZE_WH)
    figure.draw(np.random.default_rng(seed), canvas)
    assert (canvas.part_id != NO_PART).any()
    for joint in ("shoulder", "hip"):
        across = figure.xy[f"left_{joint}"] - figure.xy[f"right_{joint}"]
        assert (across @ figure.rightwards > 0) == figure.faces_camera


def test_the_command(tmp_path, capsys):
    arguments = ["--out", str(tmp_path), "--width", "80", "--height", "64", "--count"]
    assert make_sample.main([*arguments, "3"]) == 2
    assert (
        capsys.readouterr().err
        == "error: the sample needs at least 5 images of at least 64x64 pixels, got 3 of (80, 64)\n"
    )
    assert make_sample.main([*arguments, "5"]) == 0
    images = json.loads((tmp_path / "train.json").read_text())["images"]
    assert [(i["width"], i["height"]) for i in images] == [(80, 64)] * 4
    assert make_sample.main([*arguments, "5", "--figures", "2", "0"]) == 0
    people = json.loads((tmp_path / "train.json").read_text())["annotations"]
    assert [person["image_id"] for person in people] == [1, 1, 3, 3]
    assert make_sample.main([*arguments, "5", "--figures", "0"]) == 2
    assert "some of them at least one" in capsys.readouterr().err
