"""The Open Inference Protocol (KServe v2) over HTTP: the same poses for clients that speak it."""

import asyncio
from enum import Enum
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field

from serve.http.boxes import check
from serve.http.errors import describe
from serve.http.guards import Guards
from serve.http.poses import until_disconnect
from serve.http.schemas import ServedModel
from serve.http.tensors import InputTensor, OutputTensor, boxes_of, image_file, output_shapes, output_tensors
from serve.service import PoseRequest, PoseService
from serve.settings import Settings
from unipose import __version__
from unipose.core.model_spec import ModelSpec

ROOT = "/v2"
TAGS: list[str | Enum] = ["kserve"]


class _Parametrised(BaseModel):
    model_config = ConfigDict(extra="forbid")

    parameters: dict[str, Any] | None = None


class WantedOutput(_Parametrised):
    name: str = Field(examples=["keypoints"])


class InferRequest(_Parametrised):
    """`image`, and `boxes` where it is known who is to be looked at."""

    id: str | None = None
    inputs: list[InputTensor] = Field(min_length=1, max_length=2)
    outputs: list[WantedOutput] | None = Field(None, description="by default all")


class InferAnswer(BaseModel):
    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


class ServerMetadata(BaseModel):
    name: str
    version: str
    extensions: list[str]


class TensorMetadata(BaseModel):
    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class Live(BaseModel):
    live: bool


class Ready(BaseModel):
    ready: bool


def model_name(spec: ModelSpec) -> str:
    """The model's, whatever its precision: addresses stay where the service moves to another processor."""
    return spec.name.removesuffix("-int8")


def model_path(spec: ModelSpec) -> str:
    return f"{ROOT}/models/{model_name(spec)}"


def infer_path(spec: ModelSpec) -> str:
    return f"{model_path(spec)}/infer"


def add_kserve(
    app: FastAPI, service: PoseService, served: ServedModel, settings: Settings, guards: Guards, spec: ModelSpec
) -> None:
    """The model is at an address of its own name."""
    shapes = output_shapes(spec.skeleton)

    @app.get(
        ROOT, operation_id="kserve_server", tags=TAGS, summary="The server", dependencies=guards.key,
        responses=describe(401),
    )  # fmt: skip
    async def server() -> ServerMetadata:
        return ServerMetadata(name="unipose", version=__version__, extensions=[])

    @app.get(f"{ROOT}/health/live", operation_id="kserve_live", tags=TAGS, summary="The process is alive")
    async def live() -> Live:
        return Live(live=True)

    @app.get(
        f"{ROOT}/health/ready", operation_id="kserve_ready", tags=TAGS, summary="The service is ready",
        responses=describe(503),
    )  # fmt: skip
    @app.get(
        f"{model_path(spec)}/ready", operation_id="kserve_model_ready", tags=TAGS, summary="The model is warm",
        responses=describe(503),
    )  # fmt: skip
    async def ready() -> Ready:
        await guards.require_ready()
        return Ready(ready=True)

    @app.get(
        model_path(spec), operation_id="kserve_model", tags=TAGS, summary="The model's inputs and outputs",
        dependencies=guards.key, responses=describe(401),
    )  # fmt: skip
    async def model() -> ModelMetadata:
        inputs = [("image", "BYTES", [1]), ("boxes", "FP32", [-1, 4])]
        outputs = [(name, "FP32", shape) for name, shape in shapes.items()]
        return ModelMetadata(
            name=model_name(spec), versions=[spec.version], platform=served.engine,
            inputs=[TensorMetadata(name=n, datatype=d, shape=s) for n, d, s in inputs],
            outputs=[TensorMetadata(name=n, datatype=d, shape=s) for n, d, s in outputs],
        )  # fmt: skip

    @app.post(
        infer_path(spec), operation_id="kserve_infer", tags=TAGS, summary="The poses in an image, as tensors",
        dependencies=guards.place, responses=describe(401, 408, 413, 415, 422, 429, 500, 503, 504),
    )  # fmt: skip
    async def infer(request: Request, asked: InferRequest) -> InferAnswer:
        """Keypoints are x, y in pixels of the upright image, in the order of the skeleton (`/models`)."""
        given = {tensor.name: tensor for tensor in asked.inputs}
        wanted = shapes.keys() if asked.outputs is None else [output.name for output in asked.outputs]
        if "image" not in given or len(given) != len(asked.inputs):
            raise HTTPException(422, "inputs: `image` once, and `boxes` at most once")
        if unknown := [output for output in wanted if output not in shapes]:
            raise HTTPException(422, f"outputs: {unknown[0][:40]!r} is none; there are {', '.join(shapes)}")
        boxes = check(boxes_of(given["boxes"]), settings.max_people) if "boxes" in given else None
        data = await asyncio.to_thread(image_file, given["image"], settings.max_pixels)
        result = await until_disconnect(request, service.answer(data, PoseRequest(boxes)))
        outputs = [tensor for tensor in output_tensors(result.poses, spec.skeleton) if tensor.name in wanted]
        return InferAnswer(model_name=model_name(spec), model_version=spec.version, id=asked.id, outputs=outputs)
