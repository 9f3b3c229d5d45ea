"""create_app: the HTTP service around a predictor. Importing this module loads no model and no inference engine."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Annotated, Any, TypeVar

from fastapi import Depends, FastAPI, HTTPException, Query, Request, WebSocket
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect

from serve.budget import Budget
from serve.formats import to_answer
from serve.http.auth import SUBPROTOCOL, ApiKeys, may_connect
from serve.http.body_limit import BodyLimit
from serve.http.boxes import parse_boxes
from serve.http.errors import RETRY_SOON, add_problem_handlers, describe, explain
from serve.http.operations import add_operations
from serve.http.request_log import HEADER, RequestLog
from serve.http.schemas import Answer, AnswerQuery, BatchAnswer, PoseQuery, Result, ServedModel
from serve.http.upload import BATCH_BODY, FORM_BYTES, REQUEST_BODY, read_images, read_upload
from serve.http.webpage import add_webpage
from serve.http.websocket import run_stream
from serve.metrics import Metrics
from serve.service import PoseRequest, PoseService
from serve.settings import Settings
from unipose import __version__
from unipose.inference.predictor import Predictor

T = TypeVar("T")
_bearer = HTTPBearer(auto_error=False, description="an API key, where the service has any")


def create_app(settings: Settings, predictor: Predictor, sha256: str | None = None) -> FastAPI:
    """An ASGI application, which warms the model up when it starts. `sha256`: the model file's, for `/models`.

    `app.state.service` and `app.state.metrics` tell the server whether it is ready, and how many requests are running.
    """
    metrics, keys = Metrics(), ApiKeys(settings.api_keys)
    service = PoseService(predictor, settings, metrics)
    streams = Budget(settings.max_streams)
    spec = predictor.spec

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        yield
        await service.stop()

    limits = {"/pose": settings.max_bytes + FORM_BYTES, "/pose/batch": settings.max_batch_bytes + FORM_BYTES}
    cors = Middleware(
        CORSMiddleware, allow_origins=settings.cors_origins, allow_methods=["GET", "POST"],
        allow_headers=["Authorization", "Content-Type", HEADER], expose_headers=[HEADER, "Retry-After"],
    )  # fmt: skip
    app = FastAPI(
        title="UniPose",
        version=__version__,
        description="Human pose from photos: joints by name, in pixels of the upright image.",
        docs_url=None,  # FastAPI's page loads scripts from another host
        redoc_url=None,
        redirect_slashes=False,  # a redirect goes to whatever host the client's Host header names
        lifespan=lifespan,
        middleware=[
            Middleware(RequestLog, metrics=metrics),
            *([cors] if settings.cors_origins else []),
            Middleware(BodyLimit, limits=limits, budget=settings.body_budget, seconds=settings.body_seconds),
        ],
    )
    app.state.service, app.state.metrics = service, metrics
    add_problem_handlers(app)

    async def require_ready() -> None:
        if not service.ready:
            # A connection kept alive would be closed during its next request.
            headers = {**RETRY_SOON, "Connection": "close"}
            raise HTTPException(503, "the model is not ready, or the service is stopping", headers=headers)

    async def require_key(given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> None:
        keys.require(given.credentials if given else None)

    guards = [Depends(require_key)] if settings.api_keys else []  # without keys OpenAPI lists none either

    async def require_place() -> None:
        await require_ready()
        if not service.has_place():  # checked before the body is read; once more by the service, after it
            raise service.busy()

    def pose_request(query: AnswerQuery, boxes: str | None = None) -> PoseRequest:
        parsed = None if boxes is None else parse_boxes(boxes, settings.max_people)
        return PoseRequest(parsed, query.max_people, query.score_threshold)

    async def answer(data: bytes, query: AnswerQuery, asked: PoseRequest) -> Answer:
        return to_answer(await service.answer(data, asked), query.format, spec)

    @app.post(
        "/pose",
        summary="The poses of the people in an image",
        dependencies=[*guards, Depends(require_place)],
        responses=describe(401, 408, 413, 415, 422, 429, 500, 503, 504),
        openapi_extra={"requestBody": REQUEST_BODY},
    )
    async def pose(request: Request, query: Annotated[PoseQuery, Query()]) -> Answer:
        """With `boxes` (query or form), one pose for each, in their order; without, the service's detector decides."""
        began = perf_counter()
        upload = await read_upload(request)
        metrics.observe_stage("body", perf_counter() - began)
        if query.boxes is not None and upload.boxes is not None:
            raise HTTPException(422, "boxes: give them once, in the form or in the query")
        asked = pose_request(query, query.boxes if upload.boxes is None else upload.boxes)
        return await until_disconnect(request, answer(upload.image, query, asked))

    @app.post(
        "/pose/batch",
        summary="The poses of the people in each of several images",
        dependencies=[*guards, Depends(require_place)],
        responses=describe(401, 408, 413, 422, 429, 500, 503),
        openapi_extra={"requestBody": BATCH_BODY},
    )
    async def batch(request: Request, query: Annotated[AnswerQuery, Query()]) -> BatchAnswer:
        """One result for each image, in their order; a bad image has a problem instead, and fails alone."""
        images = await read_images(request, settings.max_images)
        asked = pose_request(query)

        async def one(data: bytes) -> Result:
            try:
                return Result(answer=await answer(data, query, asked))
            except Exception as error:
                return Result(problem=explain(error)[0])

        async def all_images() -> list[Result]:
            return await asyncio.gather(*map(one, images))

        return BatchAnswer(results=await until_disconnect(request, all_images()))

    @app.websocket("/pose/stream")
    async def stream(socket: WebSocket, query: Annotated[AnswerQuery, Query()]) -> None:
        """Frames come in as binary messages, answers go out as text; a newer frame replaces one that waits."""
        if not keys.allow_stream(socket):
            return await socket.close(1008, "an API key is needed")
        if not may_connect(socket, settings.cors_origins):
            return await socket.close(1008, "other sites' pages may not ask")
        if not service.ready or not streams.take(1):
            return await socket.close(1013, "try again later")
        asked = pose_request(query)
        try:
            await socket.accept(SUBPROTOCOL if SUBPROTOCOL in socket.scope["subprotocols"] else None)
            await run_stream(socket, lambda data: frame(data, query, asked))
        except ValueError as error:
            await socket.close(1003, str(error))
        finally:
            streams.give(1)

    async def frame(data: bytes, query: AnswerQuery, asked: PoseRequest) -> dict[str, Any]:
        return (await answer(data, query, asked)).model_dump()

    add_operations(app, describe_model(settings, predictor, sha256), metrics, require_ready, guards)
    add_webpage(app)
    return app


def describe_model(settings: Settings, predictor: Predictor, sha256: str | None) -> ServedModel:
    spec, min_score = predictor.spec, predictor.min_score
    if min_score is None and spec.person_score and settings.detector != "whole":  # which scores nobody
        min_score = spec.person_score.threshold
    return ServedModel(
        **spec.to_identity(), keypoints=list(spec.skeleton.keypoints), limbs=list(spec.skeleton.limbs),
        mirror=list(spec.skeleton.mirror), input_wh=spec.input_wh, stride=spec.stride, margin=spec.margin,
        engine=predictor.runtime.engine, device=settings.device, detector=settings.detector, min_score=min_score,
        sha256=sha256, provenance=spec.provenance,
    )  # fmt: skip


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
