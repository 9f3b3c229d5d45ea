"""Batcher: the one place where requests meet the model."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from unipose.runtime import Runtime

Float32 = NDArray[np.float32]


class Batcher:
    """Runs the model in one thread of its own, first come first served, at most `max_batch` inputs at a time."""

    def __init__(self, runtime: Runtime, max_batch: int):
        self._runtime = runtime
        self._max_batch = max_batch
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")

    async def run(self, inputs: Float32) -> Float32:
        """(n, 3, H, W) prepared inputs of one request -> (n, K, h, w). Other requests may run between its batches."""
        loop = asyncio.get_running_loop()
        starts = range(0, len(inputs), self._max_batch)
        batches = [inputs[start : start + self._max_batch] for start in starts]
        return np.concatenate([await loop.run_in_executor(self._thread, self._runtime.run, batch) for batch in batches])

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)
