from dataclasses import replace

import numpy as np
import pytest

from tests.support.ramps import RampReader
from tests.support.video_files import write_video
from unipose.core.skeleton import Skeleton
from unipose.inference.predictor import Predictor
from unipose.pipelines.options import VideoOptions
from unipose.pipelines.video import BATCH_BYTES, VideoOutput, batches, track_video
from unipose.video_io.reader import open_video
from unipose.video_io.video import Frame


def test_batches_hold_a_bounded_number_of_bytes():
    small = [Frame(np.zeros((10, 10, 3), np.uint8), i, i, float(i)) for i in range(10)]
    assert [[frame.index for frame in batch] for batch in batches(small, 4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    large = np.zeros((2000, BATCH_BYTES // 2 // 6000, 3), np.uint8)
    assert [len(batch) for batch in batches([Frame(large, i, i, float(i)) for i in range(5)], 4)] == [2, 2, 1]
    assert [len(batch) for batch in batches([Frame(np.repeat(large, 3, 0), 0, 0, 0.0)] * 2, 4)] == [1, 1]


@pytest.mark.parametrize("count", [0, 1, 4, 5, 9])
def test_what_ends_the_frames_is_raised_after_the_last_of_them(count):
    def frames():
        for i in range(count):
            yield Frame(np.zeros((10, 10, 3), np.uint8), i, i, float(i))
        raise ValueError("cut off")

    read = []

    def read_all():
        for batch in batches(frames(), 4):
            read.extend(frame.index for frame in batch)

    with pytest.raises(ValueError, match="cut off"):
        read_all()
    assert read == list(range(count))


def test_a_full_batch_does_not_wait_for_the_next_frame():
    """It may never come, from a camera."""
    asked = []

    def frames():
        for i in range(4):
            asked.append(i)
            yield Frame(np.zeros((10, 10, 3), np.uint8), i, i, float(i))

    first = next(batches(frames(), 2))
    assert len(first) == 2 and asked == [0, 1]


def test_a_format_that_cannot_hold_the_skeleton_is_refused_before_anything_is_written(spec, tmp_path):
    hand = Skeleton("hand", ("thumb", "palm"), (0, 1), ((0, 1),), (0.1, 0.1), (0, 1))
    predictor = Predictor(RampReader(replace(spec, skeleton=hand)))
    output = VideoOutput(tmp_path / "out.mp4", tmp_path / "out.jsonl")
    with (
        open_video(str(write_video(tmp_path / "in.mp4", 3))) as video,
        pytest.raises(ValueError, match="skeleton hand has neither a neck nor two shoulders"),
    ):
        track_video(predictor, video, output, VideoOptions(format="openpose"))
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]
