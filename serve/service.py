"""PoseService: an image's bytes to its poses, with image work in threads and the model's inputs in shared batches."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from math import prod
from time import perf_counter
from typing import TypeVar

import numpy as np
from fastapi import HTTPException

from serve.batcher import Batcher
from serve.budget import Budget
from serve.http.boxes import require_overlap
from serve.http.errors import RETRY_SOON
from serve.metrics import Metrics
from serve.settings import Settings
from unipose.core.draw import draw_poses
from unipose.core.image import Limits, OpenImage, encode_image, open_image
from unipose.core.picture import Picture
from unipose.core.pose import Pose
from unipose.core.types import RGB, Boxes
from unipose.inference.flow import Flow, advance
from unipose.inference.predictor import Predictor

T = TypeVar("T")
Seconds = dict[str, float]  # by stage, of one image; "model" is the waiting for it, too
_JPEG_SIDE = 65_535  # pixels, at most


@dataclass(frozen=True)
class PoseRequest:
    """What a client asks about an image. `boxes`: box_xyxy (N, 4), or None for the detector's people.

    `score_threshold`: the lowest score of a person, or None for the predictor's own of people whom its detector found.
    """

    boxes: Boxes | None = None
    max_people: int | None = None
    score_threshold: float | None = None
    picture: str | None = None
    """The suffix of the kind of file (`encode_image`) to draw the poses into, if any."""

    def select(self, poses: list[Pose]) -> list[Pose]:
        least = self.score_threshold or 0.0
        return [pose for pose in poses if not pose.person_score < least]  # NaN is not a low score


@dataclass(frozen=True)
class PoseResult:
    """The poses in an image, whose size is that of the upright image; drawn into it as a file, where asked for."""

    width: int
    height: int
    poses: list[Pose]
    picture: bytes | None = None
    seconds: Seconds = field(default_factory=dict)


class PoseService:
    """Images are decoded and cropped, and keypoints read, in `image_threads`; the model runs in the batcher's threads.

    Memory is bounded: at most `max_queue` images are in progress, further ones are refused, and the decoded images and
    the model's inputs share a budget of pixels.
    """

    def __init__(self, predictor: Predictor, settings: Settings, metrics: Metrics):
        self.ready = False
        self._predictor = predictor
        self._limits = Limits(settings.max_bytes, settings.max_pixels)
        self._max_people = settings.max_people
        self._deadline = settings.deadline_seconds
        self._metrics = metrics
        self._batcher = Batcher(
            predictor.find, predictor.runtime.copies, predictor.largest, settings.max_wait_ms / 1000, metrics
        )
        self._places = Budget(settings.max_queue)
        self._pixels = Budget(max(settings.pixel_budget, settings.max_pixels))
        self._threads = ThreadPoolExecutor(settings.image_threads, thread_name_prefix="image")

    async def start(self) -> None:
        """Warm up, so that no request waits for a first run: the detector and the reading of keypoints with a black
        image, each copy of the model with batches of 1, 2, 4, ... and the most people.
        """
        self._batcher.start()
        width, height = self._predictor.spec.input_wh
        image = np.zeros((height, width, 3), np.uint8)
        for boxes in (None, [[0, 0, width, height]]):
            flow = self._predictor.flow(Picture(image), boxes)
            await self._drive(flow, await self._in_thread(advance, flow, None), {})
        largest, copies = self._predictor.largest, self._predictor.runtime.copies
        for size in (*(1 << power for power in range((largest - 1).bit_length())), largest):
            for _ in range(copies):  # of several devices each runs it
                await self._batcher.run(np.zeros((size, height, width, 3), np.uint8))
        self.ready = True

    async def stop(self) -> None:
        self.ready = False
        self._batcher.close()
        self._threads.shutdown(cancel_futures=True)

    def has_place(self) -> bool:
        """Whether a further image would be accepted now."""
        return self._places.free > 0

    async def answer(self, data: bytes, asked: PoseRequest) -> PoseResult:
        """Raises what `read_image` raises, and HTTPException: 422 for a box outside the image, 429 where `max_queue`
        images are in progress, 504 past the deadline. Work past its deadline or for a disconnected client is not run.
        """
        if not self._places.take(1):
            raise self.busy()
        try:
            async with asyncio.timeout(self._deadline):
                image = await self._in_thread(open_image, data, self._limits)
                max_people = min(self._max_people, asked.max_people or self._max_people)
                async with self._pixels.hold(prod(image.size_wh) + self._input_pixels(asked, max_people)):
                    return await self._find(image, asked, max_people)
        except TimeoutError as error:
            self._metrics.rejected.labels("deadline").inc()
            raise HTTPException(504, f"no answer within {self._deadline:g} seconds; try again later") from error
        finally:
            self._places.give(1)

    def room(self, image_pixels: int) -> AbstractAsyncContextManager[None]:
        """Waits until there is memory for an image of so many pixels and its people, and keeps it for the context."""
        return self._pixels.hold(image_pixels + self._input_pixels(PoseRequest(), self._max_people))

    def busy(self) -> HTTPException:
        """The error for an image that is one too many."""
        self._metrics.rejected.labels("queue").inc()
        return HTTPException(429, "as many images are under way as may be; try again soon", headers=RETRY_SOON)

    def _input_pixels(self, asked: PoseRequest, max_people: int) -> int:
        """Of the model's inputs for one image, at most."""
        people = max_people if asked.boxes is None else len(asked.boxes)
        return people * prod(self._predictor.spec.input_wh)

    async def _find(self, opened: OpenImage, asked: PoseRequest, max_people: int) -> PoseResult:
        picture, seconds = Picture(opened), Seconds()

        def begin() -> tuple[Flow, RGB | list[Pose]]:
            began = perf_counter()
            if asked.boxes is not None:
                require_overlap(asked.boxes, *picture.image_wh)
            if asked.picture:
                picture.rgb()  # which drawing needs: not a second time
            flow = self._predictor.flow(picture, asked.boxes, max_people, asked.score_threshold)
            step = advance(flow, None)
            taken = perf_counter() - began
            self._note("decode", picture.seconds, seconds)
            self._note("prepare", taken - picture.seconds, seconds)
            return flow, step

        with self._batcher.preparing():
            flow, step = await self._in_thread(begin)
        poses = asked.select(await self._drive(flow, step, seconds))[:max_people]
        drawn = None
        if asked.picture:
            drawn = await self._in_thread(self._draw, picture.rgb(), poses, asked.picture, seconds)
        return PoseResult(*picture.image_wh, poses, drawn, seconds)

    def _draw(self, image: RGB, poses: list[Pose], suffix: str, seconds: Seconds) -> bytes:
        if suffix == ".jpg" and max(image.shape) > _JPEG_SIDE:
            raise HTTPException(422, f"a JPEG has at most {_JPEG_SIDE:,} pixels a side; accept image/png")
        with self._timed("draw", seconds):
            return encode_image(draw_poses(image, poses, self._predictor.spec.skeleton), suffix)

    async def _drive(self, flow: Flow, step: RGB | list[Pose], seconds: Seconds) -> list[Pose]:
        """Run a flow from its first step, which is given, to its end."""
        while not isinstance(step, list):
            began = perf_counter()
            peaks = await self._batcher.run(step)
            seconds["model"] = seconds.get("model", 0.0) + perf_counter() - began
            with self._batcher.preparing(), self._timed("read", seconds):
                step = await self._in_thread(advance, flow, peaks)
        return step

    @contextmanager
    def _timed(self, stage: str, seconds: Seconds) -> Iterator[None]:
        began = perf_counter()
        yield
        self._note(stage, perf_counter() - began, seconds)

    def _note(self, stage: str, taken: float, seconds: Seconds) -> None:
        seconds[stage] = seconds.get(stage, 0.0) + taken
        self._metrics.observe_stage(stage, taken)

    async def _in_thread(self, call: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)
