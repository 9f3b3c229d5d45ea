"""What `import unipose` gives: the names in README, loaded when they are used, without PyTorch."""

import subprocess
import sys
from importlib.resources import files

import numpy as np
import pytest
import torch
from PIL import Image

import unipose
from tests.support.ramps import ramp_image, ramp_joints

SIZES = [(310, 230), (250, 333)]


def test_importing_loads_nothing_and_using_it_loads_no_torch():
    code = (
        "import sys, unipose; assert not {'numpy', 'cv2'} & set(sys.modules), 'eager';"
        "unipose.load, unipose.Pose, unipose.draw_poses, unipose.read_image, unipose.PoseTracker, unipose.Predictor;"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_public_name_is_there_and_others_are_not():
    assert set(unipose.__all__) <= set(dir(unipose))
    assert all(getattr(unipose, name) is not None for name in unipose.__all__)
    with pytest.raises(AttributeError, match="no attribute 'lood'"):
        _ = unipose.lood


def test_its_types_are_there_for_type_checkers():
    assert files("unipose").joinpath("py.typed").is_file()


def test_a_photo_goes_in_and_joints_come_out(figure, tmp_path):
    Image.fromarray(figure).save(tmp_path / "photo.png")
    predictor = unipose.load()
    [pose] = predictor(tmp_path / "photo.png")
    assert isinstance(pose, unipose.Pose) and pose.person_score > 0.3
    drawn = unipose.draw_poses(unipose.read_image(tmp_path / "photo.png"), [pose], predictor.spec.skeleton)
    assert drawn.shape == figure.shape and (drawn != figure).any()
    [tracked] = unipose.PoseTracker(predictor).update(figure, 0.0)
    assert tracked.track_id == 1


@pytest.fixture
def predictor(ramp_reader):
    return unipose.Predictor(ramp_reader, decoder="quadratic")


@pytest.mark.parametrize("kind", ["array", "bytes", "str", "path"])
def test_an_image_is_taken_in_every_form(predictor, tmp_path, kind):
    path = tmp_path / "ramp.png"
    Image.fromarray(ramp_image(SIZES[0])).save(path)
    image = {"array": ramp_image(SIZES[0]), "bytes": path.read_bytes(), "str": str(path), "path": path}[kind]
    box = [[20.0, 10.0, 300.0, 225.0]]
    [pose] = predictor(image, box)
    assert np.abs(pose.xy_image - ramp_joints(SIZES[0])).max() < 0.3
    [[again]] = predictor([image], [box])
    np.testing.assert_array_equal(again.xy_image, pose.xy_image)


def test_a_grey_photo_is_its_three_equal_channels_everywhere(figure):
    """One answer, whether it comes as array or tensor, alone, in a list or in a batch, to be looked at or drawn."""
    grey = np.asarray(Image.fromarray(figure).convert("L"))
    rgb, predictor = np.repeat(grey[..., None], 3, axis=2), unipose.load()
    [expected] = predictor(rgb)
    several = [*predictor([grey, Image.fromarray(grey)]), *predictor(np.stack([rgb, rgb])), *predictor(iter([grey]))]
    tracked = unipose.PoseTracker(predictor, smoothing=None).update(grey, 0.0)
    for [pose] in (predictor(grey), predictor(grey[..., None]), predictor(torch.from_numpy(rgb)), tracked, *several):
        np.testing.assert_array_equal(pose.xy_image, expected.xy_image)
    skeleton = predictor.spec.skeleton
    np.testing.assert_array_equal(
        unipose.draw_poses(grey, [expected], skeleton), unipose.draw_poses(rgb, [expected], skeleton)
    )


def test_a_list_of_any_length_gives_a_list_for_each(predictor, tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(2)]
    for path, size in zip(paths, SIZES, strict=True):
        Image.fromarray(ramp_image(size)).save(path)
    found = predictor(paths * 10)  # more than are held at once
    assert [len(poses) for poses in found] == [1] * 20
    for [pose], size in zip(found, SIZES * 10, strict=True):
        assert np.abs(pose.xy_image - ramp_joints(size)).max() < 0.5
    assert predictor([]) == []
    assert [len(poses) for poses in predictor(paths, [None, np.zeros((0, 4))])] == [1, 0]


def test_boxes_of_another_number_of_images_are_refused(predictor):
    with pytest.raises(ValueError, match="an entry for each image: got 1 for 2"):
        predictor([ramp_image(SIZES[0])] * 2, [None])
