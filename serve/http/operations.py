"""What operators ask for: the served model, health, readiness and metrics."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import PlainTextResponse

from serve.http.errors import describe
from serve.http.schemas import Models, ServedModel, Status
from serve.metrics import MEDIA_TYPE, Metrics


def add_operations(
    app: FastAPI, served: ServedModel, metrics: Metrics, require_ready: Callable[[], Awaitable[None]], guards: list[Any]
) -> None:
    """`guards`: dependencies of the routes that need an API key."""

    @app.get(
        "/models", summary="What answers, and what its answers mean", dependencies=guards, responses=describe(401)
    )  # fmt: skip
    async def models() -> Models:
        return Models(models=[served])

    @app.get(
        "/metrics", summary="Numbers for Prometheus", dependencies=guards, responses=describe(401),
        response_class=PlainTextResponse,
    )  # fmt: skip
    async def exposition() -> Response:
        return Response(metrics.text(), media_type=MEDIA_TYPE)

    @app.get("/healthz", summary="The process is alive")
    async def healthz() -> Status:
        return Status(status="ok")

    @app.get("/readyz", summary="The model is loaded and warm", responses=describe(503))
    async def readyz() -> Status:
        await require_ready()
        return Status(status="ready")
