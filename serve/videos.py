"""Videos: a file's frames to lines of people with ids, one file at a time, in a thread of its own."""

import asyncio
import json
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import ThreadPoolExecutor
from inspect import GEN_CLOSED, getgeneratorstate
from time import monotonic

from fastapi import HTTPException

from serve.budget import Budget
from serve.http.errors import RETRY_SOON, explain
from serve.metrics import Metrics
from serve.service import PoseService
from serve.settings import Settings
from unipose.core.extras import naming_extras
from unipose.core.pose_formats import native_lines
from unipose.inference.predictor import Predictor


class Videos:
    """Each frame goes to the model by itself, beside the images' batches; a decoder's frames share their memory."""

    def __init__(self, predictor: Predictor, service: PoseService, settings: Settings, metrics: Metrics):
        self._predictor, self._service, self._settings, self._metrics = predictor, service, settings, metrics
        self._places = Budget(1)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="video")

    def stop(self) -> None:
        self._thread.shutdown(cancel_futures=True)

    def has_place(self) -> bool:
        return self._places.free > 0

    def busy(self) -> HTTPException:
        self._metrics.rejected.labels("video").inc()
        return HTTPException(
            429, "a video is under way, and there is one at a time; try again soon", headers=RETRY_SOON
        )

    async def lines(self, data: bytes, max_people: int | None, min_score: float | None) -> AsyncGenerator[str]:
        """A line for each frame, as soon as it is known. What goes wrong before the first one is raised, HTTPException
        or what `open_frames` raises; later it is the last line. Closed, it ends with the frame that it is at.
        """
        if not self._places.take(1):
            raise self.busy()
        loop = asyncio.get_running_loop()
        steps = self._steps(data, max_people, min_score)
        begun = False
        try:
            async with self._service.room(self._settings.max_video_pixels):
                while (line := await loop.run_in_executor(self._thread, next, steps, None)) is not None:
                    yield line
                    begun = True
        except Exception as error:
            if not begun:
                raise
            yield json.dumps({"error": explain(error)[0].model_dump()}) + "\n"
        finally:
            if getgeneratorstate(steps) == GEN_CLOSED:
                self._places.give(1)
            else:  # behind the frame that may be in the thread
                closing = self._thread.submit(steps.close)
                closing.add_done_callback(lambda _: loop.call_soon_threadsafe(self._places.give, 1))

    def _steps(self, data: bytes, max_people: int | None, min_score: float | None) -> Generator[str]:
        try:
            with naming_extras("reading videos"):
                from serve.video_file import VideoLimits, open_frames
                from unipose.tracking.pose_tracker import PoseTracker
        except ImportError as error:
            raise HTTPException(501, str(error)) from error
        limits = self._settings
        end = monotonic() + limits.video_seconds
        people = min(limits.max_people, max_people or limits.max_people)
        tracker = PoseTracker(self._predictor, max_people=people, min_score=min_score)
        with open_frames(data, VideoLimits(limits.max_video_frames, limits.max_video_pixels)) as frames:
            for frame in frames:
                if not self._service.ready:
                    raise HTTPException(503, "the service is stopping", headers=RETRY_SOON)
                if monotonic() > end:
                    raise HTTPException(504, f"{frame.index} frames took {limits.video_seconds:g} seconds; send fewer")
                poses = tracker.update(frame.image, frame.time)
                for line in native_lines(frame.index, frame.time, poses, self._predictor.spec.skeleton):
                    yield line + "\n"
