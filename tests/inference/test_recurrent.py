import numpy as np
import pytest

from tests.support.ramps import RampReader, ramp_image, ramp_joints
from unipose.core.geometry import Affine
from unipose.core.model_spec import ModelSpec
from unipose.inference.predictor import Predictor
from unipose.inference.recurrent import Memory, Stream
from unipose.runtime.engines import no_state

SIZE = (310, 230)
BOX = np.array([60.0, 20.0, 290.0, 210.0])
CELL = 18.0  # of the heatmap, in pixels of the image


class Reminder(RampReader):
    """Finds the keypoints of a ramp image, and where it sees nothing repeats the maps of the frame before."""

    def __init__(self, spec: ModelSpec):
        super().__init__(ModelSpec(**{**vars(spec), "network": {"lstm_channels": 1}}))
        self.states: list[np.ndarray] = []

    def run(self, batch):
        return self.step(batch, no_state(self.spec, len(batch)))[0]

    def step(self, batch, state):
        self.states.append(state)
        maps = state[:, 2:-1].copy()
        for i, image in enumerate(batch):
            if image.std(axis=(1, 2)).any():
                [maps[i]] = super().run(image[None])
        return maps, np.concatenate([state[:, :2] + 1, maps, np.ones_like(state[:, -1:])], axis=1)


@pytest.fixture
def reminder(spec):
    return Reminder(spec)


def black() -> np.ndarray:
    return np.zeros((SIZE[1], SIZE[0], 3), np.uint8)


@pytest.mark.parametrize("shift", [(0, 0, 0, 0), (13, -9, 13, -9), (20, 10, -10, 5), (-30, 0, 30, 0)])
def test_what_is_remembered_moves_with_the_box(reminder, shift):
    """The crop of the second frame is another one; the joints it does not see are where they were in the image."""
    stream = Stream(Predictor(reminder))
    [seen], memories = stream.predict([ramp_image(SIZE)], [BOX], [None])
    np.testing.assert_allclose(seen.xy_image, ramp_joints(SIZE), atol=0.5)
    [remembered], memories = stream.predict([black()], [BOX + shift], memories)
    np.testing.assert_allclose(remembered.xy_image, seen.xy_image, atol=0.1 * CELL)
    [back], _ = stream.predict([black()], [BOX], memories)
    np.testing.assert_allclose(back.xy_image, seen.xy_image, atol=0.2 * CELL)


def test_a_box_that_stays_leaves_the_state_as_it_was(reminder):
    stream = Stream(Predictor(reminder))
    _, [memory] = stream.predict([ramp_image(SIZE)], [BOX], [None])
    assert np.array_equal(memory.moved(memory.to_heatmap), memory.state)


def test_what_the_old_crop_did_not_see_is_not_known(spec, reminder):
    state = np.ones((reminder.spec.state_channels, *spec.heatmap_wh[::-1]), np.float32)
    moved = Memory(state, Affine.identity()).moved(Affine.translate(5, -3))
    assert moved.shape == state.shape
    assert (moved[:, :-3, 5:] == 1).all()
    assert not moved[:, :, :5].any() and not moved[:, -3:].any()


def test_people_come_and_go_each_with_their_own_memory(reminder):
    """A caller keeps memories by track id; who is new starts with a state of zeros beside those who are known."""
    stream = Stream(Predictor(reminder, max_batch=2))
    memories: dict[str, Memory] = {}
    for tracks in (["a"], ["b", "a", "c"], ["c", "a"]):
        boxes = [BOX + 3 * "abc".index(track) for track in tracks]
        poses, left = stream.predict([ramp_image(SIZE)] * len(tracks), boxes, [memories.get(track) for track in tracks])
        memories |= dict(zip(tracks, left, strict=True))
        for pose, box in zip(poses, boxes, strict=True):
            np.testing.assert_allclose(pose.xy_image, ramp_joints(SIZE), atol=0.5)
            np.testing.assert_array_equal(pose.box_xyxy, box)
    seen = {track: memory.state[0, 12, 8] for track, memory in memories.items()}  # this model counts frames in there
    assert seen == {"a": 3, "b": 1, "c": 2}
    assert [len(state) for state in reminder.states] == [1, 2, 1, 2]


def test_nobody_is_no_work(reminder):
    assert Stream(Predictor(reminder)).predict([], np.empty((0, 4)), []) == ([], [])
    assert not reminder.states


def test_a_model_without_memory_goes_through_it_too(ramp_reader):
    ramp_reader.step = lambda batch, state: (ramp_reader.run(batch), state)
    predictor, image = Predictor(ramp_reader), ramp_image(SIZE)
    [[expected]] = predictor.predict([image], [BOX[None]])
    memories = [None]
    for _ in range(2):
        [pose], memories = Stream(predictor).predict([image], [BOX], memories)
        np.testing.assert_array_equal(pose.xy_image, expected.xy_image)
    assert memories[0].state.shape == no_state(ramp_reader.spec, 1)[0].shape == (0, 24, 16)


def test_a_flip_test_is_refused(reminder):
    with pytest.raises(ValueError, match="takes no flip test"):
        Stream(Predictor(reminder, flip=True))
