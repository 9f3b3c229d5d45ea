"""Settings: what a service can be told, by option or UNIPOSE_* environment variable, validated."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from unipose import __version__
from unipose.detect import DETECTORS
from unipose.image import Limits
from unipose.runtime import ENGINES
from unipose.weights import default_model

PREFIX = "UNIPOSE_"


def _row_of(table: Mapping[str, object]) -> AfterValidator:
    def check(name: str) -> str:
        if name not in table:
            raise ValueError(f"choose one of {', '.join(table)}")
        return name

    return AfterValidator(check)


class Settings(BaseSettings):
    """Raises pydantic's ValidationError, a ValueError, for a value that cannot be."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True)

    host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0 is every network of this machine")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 picks a free one")
    model: Path = Field(default_factory=default_model, description="model file, .onnx or .safetensors")
    engine: Annotated[str, _row_of(ENGINES)] | None = Field(
        None, description=f"{', '.join(ENGINES)}; by default the one for the model's kind of file"
    )
    device: str = Field("cpu", description="cpu or cuda")
    threads: int = Field(0, ge=0, description="threads inside the model; 0 is one per core")
    detector: Annotated[str, _row_of(DETECTORS)] = Field(
        "whole", description=f"who finds people where a request gives no boxes: {', '.join(DETECTORS)}"
    )
    flip: bool = Field(False, description="average with the mirrored image: a little better, half as fast")
    max_batch: int = Field(16, ge=1, description="most people in one run of the model")
    max_people: int = Field(64, ge=1, description="most boxes in one request")
    max_bytes: int = Field(Limits.max_bytes, ge=1, description="most bytes of one image")
    max_pixels: int = Field(Limits.max_pixels, ge=1, description="most pixels of one image")
    max_images: int = Field(8, ge=1, description="most decoded images in memory; further requests wait")
    image_threads: int = Field(2, ge=1, description="threads that decode and crop images")
    stop_seconds: int = Field(10, ge=0, description="how long requests under way may take after SIGTERM")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="debug, info (each request), warning or error"
    )


def read_settings(argv: Sequence[str] | None = None) -> Settings:
    """Options over environment over defaults. Raises ValueError with one line that names what is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m serve",
        description="Human pose from photos over HTTP.",
        epilog=f"Every option is also an environment variable, which the option outranks: --port is {PREFIX}PORT.",
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("--version", action="version", version=f"unipose {__version__}")
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        text = field.description if default is None else f"{field.description} (default {default})"
        parser.add_argument(_option(name), metavar="VALUE", help=text)
    try:
        return Settings(**vars(parser.parse_args(argv)))
    except ValidationError as error:
        raise ValueError("; ".join(_explain(str(e["loc"][0]), e["msg"], e["input"]) for e in error.errors())) from error


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _explain(name: str, message: str, value: object) -> str:
    return f"{_option(name)} ({PREFIX}{name.upper()}) is {value!r}: {message.removeprefix('Value error, ')}"
