"""Poses in images: `POST /pose` for one, `POST /pose/batch` for several."""

import asyncio
from collections.abc import Coroutine
from time import perf_counter
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, HTTPException, Query, Request, Response
from starlette.requests import ClientDisconnect

from serve.formats import to_answer
from serve.http.boxes import parse_boxes
from serve.http.errors import describe, explain
from serve.http.guards import Guards
from serve.http.negotiation import PICTURES, preferred
from serve.http.schemas import Answer, AnswerQuery, BatchAnswer, PoseQuery, Result
from serve.http.upload import BATCH_BODY, REQUEST_BODY, read_images, read_upload
from serve.metrics import Metrics
from serve.service import PoseRequest, PoseService, Seconds
from serve.settings import Settings
from unipose.core.model_spec import ModelSpec

T = TypeVar("T")
TIMING = "Server-Timing"
_PICTURE = {"schema": {"type": "string", "format": "binary"}}
_ANSWERED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The poses; with `Accept: image/png` or `image/jpeg` the image with them drawn",
        "content": dict.fromkeys(PICTURES, _PICTURE),
        "headers": {TIMING: {"description": "milliseconds by stage", "schema": {"type": "string"}}},
    }
}


class Poses:
    """Answers images for the routes and the stream."""

    def __init__(self, service: PoseService, settings: Settings, spec: ModelSpec):
        self._service, self._max_people, self._spec = service, settings.max_people, spec

    def request(self, query: AnswerQuery, boxes: str | None = None, picture: str | None = None) -> PoseRequest:
        """Raises HTTPException 422 for boxes that cannot be."""
        parsed = None if boxes is None else parse_boxes(boxes, self._max_people)
        return PoseRequest(parsed, query.max_people, query.score_threshold, picture)

    async def answer(self, data: bytes, query: AnswerQuery, asked: PoseRequest) -> Answer:
        return to_answer(await self._service.answer(data, asked), query.format, self._spec)


def add_poses(
    app: FastAPI,
    service: PoseService,
    poses: Poses,
    settings: Settings,
    metrics: Metrics,
    guards: Guards,
    spec: ModelSpec,
) -> None:
    @app.post(
        "/pose",
        operation_id="find_poses",
        tags=["poses"],
        summary="The poses of the people in an image",
        dependencies=guards.place,
        response_model=Answer,
        responses=_ANSWERED | describe(401, 408, 413, 415, 422, 429, 500, 503, 504),
        openapi_extra={"requestBody": REQUEST_BODY},
    )
    async def pose(request: Request, response: Response, query: Annotated[PoseQuery, Query()]) -> Answer | Response:
        """With `boxes` (query, form or JSON), one pose for each, in their order; without, the service's detector
        decides. Each option is given once, in the query or in a JSON body.
        """
        began = perf_counter()
        upload = await read_upload(request)
        arrived = perf_counter() - began
        metrics.observe_stage("body", arrived)
        given = query.model_fields_set & (upload.options.keys() | ({"boxes"} if upload.boxes is not None else set()))
        if given:
            raise HTTPException(422, f"{', '.join(sorted(given))}: give them once, in the body or in the query")
        query = query.model_copy(update=upload.options)
        kind = preferred(request.headers)
        asked = poses.request(query, query.boxes if upload.boxes is None else upload.boxes, PICTURES.get(kind))
        result = await until_disconnect(request, service.answer(upload.image, asked))
        timing = server_timing({"body": arrived, **result.seconds, "total": perf_counter() - began})
        if result.picture is not None:
            return Response(result.picture, media_type=kind, headers={TIMING: timing})
        response.headers[TIMING] = timing
        return to_answer(result, query.format, spec)

    @app.post(
        "/pose/batch",
        operation_id="find_poses_in_batch",
        tags=["poses"],
        summary="The poses of the people in each of several images",
        dependencies=guards.place,
        responses=describe(401, 408, 413, 422, 429, 500, 503),
        openapi_extra={"requestBody": BATCH_BODY},
    )
    async def batch(request: Request, query: Annotated[AnswerQuery, Query()]) -> BatchAnswer:
        """One result for each image, in their order; a bad image has a problem instead, and fails alone."""
        images = await read_images(request, settings.max_images)
        asked = poses.request(query)

        async def one(data: bytes) -> Result:
            try:
                return Result(answer=await poses.answer(data, query, asked))
            except Exception as error:
                return Result(problem=explain(error)[0])

        async def all_images() -> list[Result]:
            return await asyncio.gather(*map(one, images))

        return BatchAnswer(results=await until_disconnect(request, all_images()))


def server_timing(seconds: Seconds) -> str:
    """The value of the header Server-Timing (W3C), which browsers show beside a request."""
    return ", ".join(f"{stage};dur={1000 * value:.1f}" for stage, value in seconds.items())


async def until_disconnect(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled when the client disconnects. Raises ClientDisconnect."""

    async def disconnect() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    working, disconnecting = asyncio.ensure_future(work), asyncio.ensure_future(disconnect())
    try:
        await asyncio.wait({working, disconnecting}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        disconnecting.cancel()
