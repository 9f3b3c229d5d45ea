"""`POST /video`: a short video file to a line of JSON for each frame, sent as soon as it is known."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from serve.http.errors import describe
from serve.http.guards import Guards
from serve.http.poses import until_disconnect
from serve.http.schemas import PeopleQuery
from serve.http.upload import VIDEO_BODY, read_file
from serve.videos import Videos

MEDIA_TYPE = "application/x-ndjson"
_LINES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A line for each frame: its number as `frame`, its `time` in seconds and its `poses`, each "
        "with a `track_id`; where it cannot go on, the last line is a problem as `error`",
        "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
    }
}


class _Lines(StreamingResponse):
    """Closes its lines when the client leaves, not when they are collected as garbage."""

    def __init__(self, first: str, rest: AsyncGenerator[str]):
        self._rest = rest
        super().__init__(_chain(first, rest), media_type=MEDIA_TYPE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._rest):
            await super().__call__(scope, receive, send)


async def _chain(first: str, rest: AsyncGenerator[str]) -> AsyncGenerator[str]:
    yield first
    async for line in rest:
        yield line


def add_video(app: FastAPI, videos: Videos, guards: Guards) -> None:
    async def require_place() -> None:
        if not videos.has_place():  # checked before the body is read; once more after it
            raise videos.busy()

    @app.post(
        "/video",
        operation_id="track_people",
        tags=["poses"],
        summary="The poses of the people in a short video, who keep their ids from frame to frame",
        dependencies=[*guards.place, Depends(require_place)],
        response_class=StreamingResponse,
        responses=_LINES | describe(401, 408, 413, 415, 422, 429, 500, 501, 503, 504),
        openapi_extra={"requestBody": VIDEO_BODY},
    )
    async def video(request: Request, query: Annotated[PeopleQuery, Query()]) -> StreamingResponse:
        """One video at a time; frames come as JSON lines while the rest is still being looked at."""
        data = await read_file(request, "video")
        lines = videos.lines(data, query.max_people, query.score_threshold)

        async def first_line() -> str:
            return await anext(lines)

        return _Lines(await until_disconnect(request, first_line()), lines)
