"""create_app: the HTTP service around a predictor. Importing this loads no model and no engine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request
from starlette.middleware import Middleware

from serve.boxes import parse_boxes
from serve.problem import answer_problems, describe
from serve.schemas import PoseAnswer, PoseQuery, Status
from serve.service import PoseService
from serve.settings import Settings
from serve.upload import FORM_BYTES, REQUEST_BODY, BodyLimit, read_upload
from unipose import __version__
from unipose.image import Limits
from unipose.predictor import Predictor


def create_app(settings: Settings, predictor: Predictor) -> FastAPI:
    """An ASGI application; the model is warmed up when it starts. Of `settings`, the limits are heeded."""
    limits = Limits(settings.max_bytes, settings.max_pixels)
    service = PoseService(predictor, limits, settings.max_images, settings.image_threads)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        yield
        await service.stop()

    app = FastAPI(
        title="UniPose",
        version=__version__,
        description="Human pose from photos: joints by name, in pixels of the upright image.",
        docs_url=None,  # its page comes from another host
        redoc_url=None,
        lifespan=lifespan,
        middleware=[Middleware(BodyLimit, max_body_size=settings.max_bytes + FORM_BYTES)],
    )
    answer_problems(app)

    def require_ready() -> None:
        if not service.ready:
            raise HTTPException(503, "the model is not ready", headers={"Retry-After": "1"})

    @app.post(
        "/pose",
        summary="The poses of the people in an image",
        responses=describe(413, 415, 422, 500, 503),
        openapi_extra={"requestBody": REQUEST_BODY},
    )
    async def pose(request: Request, query: Annotated[PoseQuery, Query()]) -> PoseAnswer:
        """With `boxes` (query or form), one pose for each, in their order; without, the service's detector decides."""
        require_ready()
        upload = await read_upload(request)
        if query.boxes is not None and upload.boxes is not None:
            raise HTTPException(422, "boxes: give them once, in the form or in the query")
        text = query.boxes if upload.boxes is None else upload.boxes
        return await service.answer(upload.image, None if text is None else parse_boxes(text, settings.max_people))

    @app.get("/healthz", summary="The process is alive")
    async def healthz() -> Status:
        return Status(status="ok")

    @app.get("/readyz", summary="The model is loaded and warm", responses=describe(503))
    async def readyz() -> Status:
        require_ready()
        return Status(status="ready")

    return app
