"""PoseService: an image's bytes to the answer, driving the predictor's flow through threads and the batcher."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from serve.batcher import Batcher
from serve.boxes import Boxes, require_overlap
from serve.schemas import PoseAnswer
from unipose.image import RGB, Limits, read_image
from unipose.predictor import Predictor, advance

T = TypeVar("T")


class PoseService:
    """Decodes, crops and reads in `image_threads`, runs in the batcher's thread; the event loop only waits."""

    def __init__(self, predictor: Predictor, limits: Limits, max_images: int, image_threads: int):
        """`max_images`: how many may be decoded and in memory at once; further ones wait as bytes."""
        self.ready = False
        self._predictor = predictor
        self._limits = limits
        self._batcher = Batcher(predictor.runtime, predictor.max_batch)
        self._places = asyncio.Semaphore(max_images)
        self._threads = ThreadPoolExecutor(image_threads, thread_name_prefix="image")

    async def start(self) -> None:
        """Warm up with a black image: from here on answers take their usual time."""
        width, height = self._predictor.spec.input_wh
        await self._find(np.zeros((height, width, 3), np.uint8), None)
        self.ready = True

    async def stop(self) -> None:
        self.ready = False
        self._batcher.close()
        self._threads.shutdown(cancel_futures=True)

    async def answer(self, data: bytes, boxes: Boxes | None) -> PoseAnswer:
        """Raises what `read_image` raises, and HTTPException 422 for a box outside the image."""
        async with self._places:
            image = await self._in_thread(read_image, data, self._limits)
            height, width = image.shape[:2]
            if boxes is not None:
                require_overlap(boxes, width, height)
            return await self._find(image, boxes)

    async def _find(self, image: RGB, boxes: Boxes | None) -> PoseAnswer:
        flow = self._predictor.flow(image, boxes)
        step = await self._in_thread(advance, flow, None)
        while not isinstance(step, list):
            step = await self._in_thread(advance, flow, await self._batcher.run(step))
        spec = self._predictor.spec
        height, width = image.shape[:2]
        poses = [pose.to_native(spec.skeleton) for pose in step]
        return PoseAnswer.model_validate(
            {"width": width, "height": height, "model": spec.to_identity(), "poses": poses}
        )

    async def _in_thread(self, call: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)
