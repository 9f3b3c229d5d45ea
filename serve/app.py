"""create_app: the HTTP service around a predictor. Importing this module loads no model and no inference engine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Query, WebSocket
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from serve.budget import Budget
from serve.http.auth import SUBPROTOCOL, may_connect
from serve.http.body_limit import BodyLimit
from serve.http.client_address import ClientAddress
from serve.http.client_limit import ClientLimit
from serve.http.errors import add_problem_handlers
from serve.http.guards import Guards
from serve.http.head import HeadLikeGet
from serve.http.kserve import add_kserve, infer_path
from serve.http.operations import add_operations
from serve.http.poses import TIMING, Poses, add_poses
from serve.http.reference import add_reference
from serve.http.request_log import HEADER, RequestLog
from serve.http.schemas import AnswerQuery, ServedModel
from serve.http.upload import FORM_BYTES
from serve.http.video import add_video
from serve.http.webpage import add_webpage
from serve.http.websocket import run_stream
from serve.metrics import Metrics
from serve.service import PoseRequest, PoseService
from serve.settings import Settings
from serve.videos import Videos
from unipose import __version__
from unipose.inference.predictor import Predictor

TAGS = [
    {
        "name": "poses",
        "description": "People and their joints in what a client sends. Frames of a webcam "
        "go through a WebSocket at /pose/stream: each an image as a binary message, its answer a text.",
    },
    {"name": "kserve", "description": "The same in the Open Inference Protocol, version 2."},
    {"name": "operation", "description": "What answers, and how it does."},
]


def create_app(settings: Settings, predictor: Predictor, sha256: str | None = None) -> FastAPI:
    """An ASGI application, which warms the model up when it starts. `sha256`: the model file's, for `/models`.

    `app.state.service` and `app.state.metrics` tell the server whether it is ready, and how many requests are running.
    """
    metrics = Metrics()
    service = PoseService(predictor, settings, metrics)
    videos = Videos(predictor, service, settings, metrics)
    streams = Budget(settings.max_streams)
    spec = predictor.spec

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        yield
        videos.stop()
        await service.stop()

    most = {"/pose": settings.max_bytes, "/pose/batch": settings.max_batch_bytes, "/video": settings.max_video_bytes}
    most[infer_path(spec)] = settings.max_bytes
    limits = {path: size + FORM_BYTES for path, size in most.items()}
    cors = Middleware(
        CORSMiddleware, allow_origins=settings.cors_origins, allow_methods=["GET", "POST"],
        allow_headers=["Authorization", "Content-Type", HEADER], expose_headers=[HEADER, "Retry-After", TIMING],
    )  # fmt: skip
    app = FastAPI(
        title="UniPose",
        version=__version__,
        description="Human pose from photos: joints by name, in pixels of the upright image.",
        openapi_tags=TAGS,
        docs_url=None,  # FastAPI's page loads scripts from another host
        redoc_url=None,
        redirect_slashes=False,  # a redirect goes to whatever host the client's Host header names
        lifespan=lifespan,
        middleware=[
            Middleware(ClientAddress, trusted=settings.trusted_proxies),
            Middleware(RequestLog, metrics=metrics),
            *([cors] if settings.cors_origins else []),
            Middleware(HeadLikeGet),
            *([Middleware(ClientLimit, rate=settings.client_rate, metrics=metrics)] if settings.client_rate else []),
            Middleware(BodyLimit, limits=limits, budget=settings.body_budget, seconds=settings.body_seconds),
        ],
    )
    app.state.service, app.state.metrics = service, metrics
    add_problem_handlers(app)

    guards = Guards(service, settings.api_keys)
    poses = Poses(service, settings, spec)
    add_poses(app, service, poses, settings, metrics, guards, spec)
    add_video(app, videos, guards)

    @app.websocket("/pose/stream")
    async def stream(socket: WebSocket, query: Annotated[AnswerQuery, Query()]) -> None:
        """Frames come in as binary messages, answers go out as text; a newer frame replaces one that waits."""
        if not guards.keys.allow_stream(socket):
            return await socket.close(1008, "an API key is needed")
        if not may_connect(socket, settings.cors_origins):
            return await socket.close(1008, "other sites' pages may not ask")
        if not service.ready or not streams.take(1):
            return await socket.close(1013, "try again later")
        asked = poses.request(query)
        try:
            await socket.accept(SUBPROTOCOL if SUBPROTOCOL in socket.scope["subprotocols"] else None)
            await run_stream(socket, lambda data: frame(data, query, asked))
        except ValueError as error:
            await socket.close(1003, str(error))
        finally:
            streams.give(1)

    async def frame(data: bytes, query: AnswerQuery, asked: PoseRequest) -> dict[str, Any]:
        return (await poses.answer(data, query, asked)).model_dump()

    served = describe_model(settings, predictor, sha256)
    add_kserve(app, service, served, settings, guards, spec)
    add_operations(app, served, metrics, guards)
    add_reference(app)
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
