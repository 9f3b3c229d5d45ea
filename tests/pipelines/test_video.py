import numpy as np

from unipose.pipelines.video import BATCH_BYTES, batches
from unipose.video_io.video import Frame


def test_batches_hold_a_bounded_number_of_bytes():
    small = [Frame(np.zeros((10, 10, 3), np.uint8), i, i, float(i)) for i in range(10)]
    assert [[frame.index for frame in batch] for batch in batches(small, 4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    large = np.zeros((2000, BATCH_BYTES // 2 // 6000, 3), np.uint8)
    assert [len(batch) for batch in batches([Frame(large, i, i, float(i)) for i in range(5)], 4)] == [2, 2, 1]
    assert [len(batch) for batch in batches([Frame(np.repeat(large, 3, 0), 0, 0, 0.0)] * 2, 4)] == [1, 1]
