import numpy as np
import pytest

from tests.support.ramps import RecurrentRampReader, ramp_image, ramp_joints
from unipose.core.geometry import Affine
from unipose.inference.predictor import Predictor
from unipose.inference.recurrent import RecurrentPredictor, RecurrentState
from unipose.runtime.runtime import no_state

SIZE = (310, 230)
BOX = np.array([60.0, 20.0, 290.0, 210.0])
CELL = 18.0  # of the heatmap, in pixels of the image


@pytest.fixture
def reader(spec):
    return RecurrentRampReader(spec)


def black() -> np.ndarray:
    return np.zeros((SIZE[1], SIZE[0], 3), np.uint8)


@pytest.mark.parametrize("shift", [(0, 0, 0, 0), (13, -9, 13, -9), (20, 10, -10, 5), (-30, 0, 30, 0)])
def test_the_state_moves_with_the_box(reader, shift):
    """The crop of the second frame is another one; the joints it does not see are where they were in the image."""
    recurrent = RecurrentPredictor(Predictor(reader, decoder="quadratic"))
    [seen], states = recurrent.predict([ramp_image(SIZE)], [BOX], [None])
    np.testing.assert_allclose(seen.xy_image, ramp_joints(SIZE), atol=0.5)
    [found], states = recurrent.predict([black()], [BOX + shift], states)
    np.testing.assert_allclose(found.xy_image, seen.xy_image, atol=0.1 * CELL)
    [back], _ = recurrent.predict([black()], [BOX], states)
    np.testing.assert_allclose(back.xy_image, seen.xy_image, atol=0.2 * CELL)


def test_a_box_that_stays_leaves_the_state_as_it_was(reader):
    recurrent = RecurrentPredictor(Predictor(reader, decoder="quadratic"))
    _, [state] = recurrent.predict([ramp_image(SIZE)], [BOX], [None])
    assert np.array_equal(state.warped(state.to_heatmap), state.maps)


def test_what_the_old_crop_did_not_see_is_not_known(spec, reader):
    state = np.ones((reader.spec.state_channels, *spec.heatmap_wh[::-1]), np.float32)
    moved = RecurrentState(state, Affine.identity()).warped(Affine.translate(5, -3))
    assert moved.shape == state.shape
    assert (moved[:, :-3, 5:] == 1).all()
    assert not moved[:, :, :5].any() and not moved[:, -3:].any()


def test_people_come_and_go_each_with_their_own_state(reader):
    """A caller keeps states by track id; who is new starts with a state of zeros beside those who are known."""
    recurrent = RecurrentPredictor(Predictor(reader, max_batch=2, decoder="quadratic"))
    states: dict[str, RecurrentState] = {}
    for tracks in (["a"], ["b", "a", "c"], ["c", "a"]):
        boxes = [BOX + 3 * "abc".index(track) for track in tracks]
        poses, new = recurrent.predict([ramp_image(SIZE)] * len(tracks), boxes, [states.get(track) for track in tracks])
        states |= dict(zip(tracks, new, strict=True))
        for pose, box in zip(poses, boxes, strict=True):
            np.testing.assert_allclose(pose.xy_image, ramp_joints(SIZE), atol=0.5)
            np.testing.assert_array_equal(pose.box_xyxy, box)
    seen = {track: state.maps[0, 12, 8] for track, state in states.items()}  # this model counts frames in there
    assert seen == {"a": 3, "b": 1, "c": 2}
    assert [len(state) for state in reader.states] == [1, 2, 1, 2]


def test_nobody_is_no_work(reader):
    assert RecurrentPredictor(Predictor(reader, decoder="quadratic")).predict([], np.empty((0, 4)), []) == ([], [])
    assert not reader.states


def test_a_model_of_single_frames_works_too(ramp_reader):
    predictor, image = Predictor(ramp_reader, decoder="quadratic"), ramp_image(SIZE)
    [[expected]] = predictor.predict([image], [BOX[None]])
    states = [None]
    for _ in range(2):
        [pose], states = RecurrentPredictor(predictor).predict([image], [BOX], states)
        np.testing.assert_array_equal(pose.xy_image, expected.xy_image)
    assert states[0].maps.shape == no_state(ramp_reader.spec, 1)[0].shape == (0, 24, 16)


def test_a_flip_test_is_refused(reader):
    with pytest.raises(ValueError, match="takes no flip test"):
        RecurrentPredictor(Predictor(reader, flip=True, decoder="quadratic"))
