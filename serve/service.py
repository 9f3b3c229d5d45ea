"""PoseService: an image's bytes to its poses, driving the predictor's flow through threads and the batcher."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from time import perf_counter
from typing import TypeVar

import numpy as np
from fastapi import HTTPException

from serve.batcher import Batcher
from serve.budget import Budget
from serve.http.boxes import require_overlap
from serve.http.errors import SOON
from serve.metrics import Metrics
from serve.settings import Settings
from unipose.core.image import Limits, OpenImage, open_image
from unipose.core.pose import Pose
from unipose.core.types import Boxes, Float32
from unipose.inference.predictor import Flow, Predictor, advance

T = TypeVar("T")


@dataclass(frozen=True)
class Question:
    """What is asked about an image. `boxes` (N, 4), or None for the detector's people."""

    boxes: Boxes | None = None
    max_people: int | None = None
    score_threshold: float = 0.0

    def select(self, poses: list[Pose]) -> list[Pose]:
        return [pose for pose in poses if not pose.person_score < self.score_threshold]  # not-a-number is no low score


@dataclass(frozen=True)
class Found:
    """The poses in an upright image of this size."""

    width: int
    height: int
    poses: list[Pose]


class PoseService:
    """Decodes, crops and reads in `image_threads`, runs in the batcher's threads; the event loop only waits.

    Memory is bounded: `max_queue` images are under way at most, further ones are refused, and their decoded pixels
    share a budget.
    """

    def __init__(self, predictor: Predictor, settings: Settings, metrics: Metrics):
        self.ready = False
        self._predictor = predictor
        self._limits = Limits(settings.max_bytes, settings.max_pixels)
        self._max_people = settings.max_people
        self._deadline = settings.deadline_seconds
        self._metrics = metrics
        self._batcher = Batcher(predictor.runtime, predictor.max_batch, settings.max_wait_ms / 1000, metrics)
        self._places = Budget(settings.max_queue)
        self._pixels = Budget(max(settings.pixel_budget, settings.max_pixels))
        self._threads = ThreadPoolExecutor(settings.image_threads, thread_name_prefix="image")

    async def start(self) -> None:
        """Warm up, with a black image and every size of batch: from here on answers take their usual time."""
        self._batcher.start()
        width, height = self._predictor.spec.input_wh
        flow = self._predictor.flow(np.zeros((height, width, 3), np.uint8))
        await self._drive(flow, await self._in_thread(advance, flow, None))
        size = 1
        while size <= self._predictor.max_batch:
            await self._batcher.run(np.zeros((size, 3, height, width), np.float32))
            size *= 2
        self.ready = True

    async def stop(self) -> None:
        self.ready = False
        self._batcher.close()
        self._threads.shutdown(cancel_futures=True)

    def has_place(self) -> bool:
        return self._places.free > 0

    async def answer(self, data: bytes, question: Question) -> Found:
        """Raises what `read_image` raises, and HTTPException: 422 for a box outside the image, 429 where no place is
        free, 504 past the deadline. Work whose time is up or whose caller has left is not run.
        """
        if not self._places.take(1):
            raise self.busy()
        try:
            async with asyncio.timeout(self._deadline):
                image = await self._in_thread(open_image, data, self._limits)
                async with self._pixels.hold(prod(image.size_wh)):
                    return await self._find(image, question)
        except TimeoutError as error:
            self._metrics.rejected.labels("deadline").inc()
            raise HTTPException(504, f"no answer within {self._deadline:g} seconds; try again later") from error
        finally:
            self._places.give(1)

    def busy(self) -> HTTPException:
        self._metrics.rejected.labels("queue").inc()
        return HTTPException(429, "as many images are under way as may be; try again soon", headers=SOON)

    async def _find(self, opened: OpenImage, question: Question) -> Found:
        most = min(self._max_people, question.max_people or self._max_people)

        def open_flow() -> tuple[tuple[int, int], Flow, Float32 | list[Pose]]:
            with self._timed("decode"):
                image = opened.decode()
            height, width = image.shape[:2]
            if question.boxes is not None:
                require_overlap(question.boxes, width, height)
            flow = self._predictor.flow(image, question.boxes, most)
            with self._timed("prepare"):
                return (width, height), flow, advance(flow, None)

        with self._batcher.coming():
            (width, height), flow, step = await self._in_thread(open_flow)
        poses = await self._drive(flow, step)
        return Found(width, height, question.select(poses)[:most])

    async def _drive(self, flow: Flow, step: Float32 | list[Pose]) -> list[Pose]:
        """A flow to its end, from the first step that it has taken."""
        while not isinstance(step, list):
            maps = await self._batcher.run(step)
            with self._batcher.coming(), self._timed("read"):
                step = await self._in_thread(advance, flow, maps)
        return step

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        began = perf_counter()
        yield
        self._metrics.stage(stage, perf_counter() - began)

    async def _in_thread(self, call: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)
