"""What operators ask for: the served model, health, readiness and metrics."""

from enum import Enum

from fastapi import FastAPI, Response
from fastapi.responses import PlainTextResponse

from serve.http.errors import describe
from serve.http.guards import Guards
from serve.http.schemas import Models, ServedModel, Status
from serve.metrics import MEDIA_TYPE, Metrics

TAGS: list[str | Enum] = ["operation"]


def add_operations(app: FastAPI, served: ServedModel, metrics: Metrics, guards: Guards) -> None:
    @app.get(
        "/models",
        operation_id="list_models",
        tags=TAGS,
        summary="What answers, and what its answers mean",
        dependencies=guards.key,
        responses=describe(401),
    )
    async def models() -> Models:
        return Models(models=[served])

    @app.get(
        "/metrics",
        operation_id="get_metrics",
        tags=TAGS,
        summary="Numbers for Prometheus",
        dependencies=guards.key,
        responses=describe(401),
        response_class=PlainTextResponse,
    )
    async def exposition() -> Response:
        return Response(metrics.text(), media_type=MEDIA_TYPE)

    @app.get("/healthz", operation_id="is_alive", tags=TAGS, summary="The process is alive")
    async def healthz() -> Status:
        return Status(status="ok")

    @app.get(
        "/readyz",
        operation_id="is_ready",
        tags=TAGS,
        summary="The model is loaded and warm",
        responses=describe(503),
    )
    async def readyz() -> Status:
        await guards.require_ready()
        return Status(status="ready")
