"""create_app: the HTTP service around a predictor. Importing this loads no model and no engine."""

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
from serve.http.auth import PROTOCOL, Keys, may_embed
from serve.http.body_limit import BodyLimit
from serve.http.boxes import parse_boxes
from serve.http.errors import SOON, answer_problems, describe, explain
from serve.http.operations import add_status
from serve.http.request_log import HEADER, Access
from serve.http.schemas import Answer, AnswerQuery, BatchAnswer, PoseQuery, Result, ServedModel
from serve.http.upload import BATCH_BODY, FORM_BYTES, REQUEST_BODY, read_images, read_upload
from serve.http.webpage import add_site
from serve.http.websocket import run_stream
from serve.metrics import Metrics
from serve.service import PoseService, Question
from serve.settings import Settings
from unipose import __version__
from unipose.inference.predictor import Predictor

T = TypeVar("T")
_bearer = HTTPBearer(auto_error=False, description="an API key, where the service has any")


def create_app(settings: Settings, predictor: Predictor, sha256: str | None = None) -> FastAPI:
    """An ASGI application; the model, of which `sha256` is told, is warmed up when it starts.

    `app.state.service` and `app.state.metrics` are for whoever runs it: readiness, and how much is under way.
    """
    metrics, keys = Metrics(), Keys(settings.api_keys)
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
        docs_url=None,  # its page comes from another host
        redoc_url=None,
        redirect_slashes=False,  # to where the client's own Host header says
        lifespan=lifespan,
        middleware=[
            Middleware(Access, metrics=metrics),
            *([cors] if settings.cors_origins else []),
            Middleware(BodyLimit, limits=limits, budget=settings.body_budget, seconds=settings.body_seconds),
        ],
    )
    app.state.service, app.state.metrics = service, metrics
    answer_problems(app)

    async def require_ready() -> None:
        if not service.ready:
            # A connection that goes on would be cut under its next request.
            headers = {**SOON, "Connection": "close"}
            raise HTTPException(503, "the model is not ready, or the service is stopping", headers=headers)

    async def require_key(given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> None:
        keys.require(given.credentials if given else None)

    guards = [Depends(require_key)] if settings.api_keys else []  # OpenAPI asks for a key where there is one

    async def require_place() -> None:
        await require_ready()
        if not service.has_place():  # refused before the body is read; again, for certain, after it
            raise service.busy()

    def question(query: AnswerQuery, boxes: str | None = None) -> Question:
        parsed = None if boxes is None else parse_boxes(boxes, settings.max_people)
        return Question(parsed, query.max_people, query.score_threshold)

    async def answer(data: bytes, query: AnswerQuery, asked: Question) -> Answer:
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
        metrics.stage("body", perf_counter() - began)
        if query.boxes is not None and upload.boxes is not None:
            raise HTTPException(422, "boxes: give them once, in the form or in the query")
        asked = question(query, query.boxes if upload.boxes is None else upload.boxes)
        return await unless_gone(request, answer(upload.image, query, asked))

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
        asked = question(query)

        async def one(data: bytes) -> Result:
            try:
                return Result(answer=await answer(data, query, asked))
            except Exception as error:
                return Result(problem=explain(error)[0])

        async def all_of_them() -> list[Result]:
            return await asyncio.gather(*map(one, images))

        return BatchAnswer(results=await unless_gone(request, all_of_them()))

    @app.websocket("/pose/stream")
    async def stream(socket: WebSocket, query: Annotated[AnswerQuery, Query()]) -> None:
        """Frames as binary messages in, answers as text out; of frames in a hurry only the latest is answered."""
        if not keys.fit_stream(socket):
            return await socket.close(1008, "an API key is needed")
        if not may_embed(socket, settings.cors_origins):
            return await socket.close(1008, "other sites' pages may not ask")
        if not service.ready or not streams.take(1):
            return await socket.close(1013, "try again later")
        asked = question(query)
        try:
            await socket.accept(PROTOCOL if PROTOCOL in socket.scope["subprotocols"] else None)
            await run_stream(socket, lambda data: frame(data, query, asked))
        except ValueError as error:
            await socket.close(1003, str(error))
        finally:
            streams.give(1)

    async def frame(data: bytes, query: AnswerQuery, asked: Question) -> dict[str, Any]:
        return (await answer(data, query, asked)).model_dump()

    add_status(app, describe_model(settings, predictor, sha256), metrics, require_ready, guards)
    add_site(app)
    return app


def describe_model(settings: Settings, predictor: Predictor, sha256: str | None) -> ServedModel:
    spec = predictor.spec
    return ServedModel(
        **spec.to_identity(), keypoints=list(spec.skeleton.keypoints), limbs=list(spec.skeleton.limbs),
        mirror=list(spec.skeleton.mirror), input_wh=spec.input_wh, stride=spec.stride, margin=spec.margin,
        engine=predictor.runtime.engine, device=settings.device, detector=settings.detector,
        sha256=sha256, provenance=spec.provenance,
    )  # fmt: skip


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The work's outcome; it is cancelled when the client leaves, and ClientDisconnect is raised."""

    async def leave() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    doing, leaving = asyncio.ensure_future(work), asyncio.ensure_future(leave())
    try:
        await asyncio.wait({doing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise ClientDisconnect
        return doing.result()
    finally:
        doing.cancel()
        leaving.cancel()
