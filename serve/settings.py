"""Settings of the service, from options or UNIPOSE_* environment variables, validated."""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, IPvAnyNetwork, SecretStr, ValidationError, ValidationInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from unipose import __version__
from unipose.core.arguments import Parser
from unipose.core.heatmap import DECODERS
from unipose.core.image import Limits
from unipose.inference.detectors.detector import DETECTORS, THRESHOLDS
from unipose.inference.predictor import MAX_PEOPLE
from unipose.runtime.engines import ENGINES, PRECISIONS
from unipose.weights import MODEL_HELP, named_model

PREFIX = "UNIPOSE_"


def _one_of(table: Mapping[str, object]) -> AfterValidator:
    def check(name: str) -> str:
        if name not in table:
            raise ValueError(f"choose one of {', '.join(table)}")
        return name

    return AfterValidator(check)


def _by_detector() -> str:
    return ", ".join(f"{threshold:g} for {name}" for name, threshold in THRESHOLDS.items())


def _check_key(key: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[A-Za-z0-9_-]{16,}", key.get_secret_value()):
        raise ValueError("a key is 16 or more of the characters A-Z a-z 0-9 _ -, as `openssl rand -hex 16` gives")
    return key


_SPLIT = BeforeValidator(lambda value: [v.strip() for v in value.split(",")] if isinstance(value, str) else value)


def _named(value: object, info: ValidationInfo) -> object:
    """A model by name; which file that is may depend on the device and the engine, which come first."""
    known = info.data
    return named_model(value, known.get("device", "cpu"), known.get("engine")) if isinstance(value, str) else value


_NAMED = BeforeValidator(_named)
_Key = Annotated[SecretStr, AfterValidator(_check_key)]


class Settings(BaseSettings):
    """Raises pydantic's ValidationError, a ValueError, for an invalid value."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True)

    host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0 is every network of this machine")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 picks a free one")
    workers: int = Field(1, ge=1, description="processes; from 2 on one that dies is replaced")
    api_keys: Annotated[tuple[_Key, ...], NoDecode, _SPLIT] = Field(
        (), description="keys, with commas between, one of which a request must bring; none: everybody may ask"
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode, _SPLIT] = Field(
        (), description="origins, with commas between, whose pages may ask from a browser"
    )
    trusted_proxies: Annotated[tuple[IPvAnyNetwork, ...], NoDecode, _SPLIT] = Field(
        (), description="addresses or networks of proxies, with commas between, whose X-Forwarded-For is believed"
    )
    client_rate: float = Field(
        0, ge=0, description="most requests with images a second from one client; beyond: 429; 0 is no limit"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="debug, info (each request), warning or error"
    )
    log_format: Literal["text", "json"] = Field("text", description="text or json, a line each")

    engine: Annotated[str, _one_of(ENGINES)] | None = Field(
        None, description=f"{', '.join(ENGINES)}; by default the one for the model's kind of file"
    )
    device: str = Field("cpu", description="cpu or cuda; several, as cuda:0,cuda:1, get a copy of the model each")
    model: Annotated[Path, _NAMED] = Field("default", validate_default=True, description=MODEL_HELP)
    precision: Annotated[str, _one_of(PRECISIONS)] = Field(
        "auto", description=f"of the arithmetic: {', '.join(PRECISIONS)}; auto is bf16 on a GPU, else fp32"
    )
    threads: int = Field(0, ge=0, description="threads inside the model; 0 is one per core, shared by the workers")
    flip: bool = Field(False, description="average with the mirrored image: a little better, half as fast")
    decoder: Annotated[str, _one_of(DECODERS)] = Field(
        "dark", description=f"how keypoints are read off heatmaps: {', '.join(DECODERS)}"
    )
    detector: Annotated[str, _one_of(DETECTORS)] = Field(
        "finder", description=f"who finds people where a request gives no boxes: {', '.join(DETECTORS)}"
    )
    detector_weights: str | None = Field(None, description="the detector's file or name, where it needs one")
    detector_threshold: float | None = Field(
        None, ge=0, le=1, description=f"the score from which a detection is a person; by default {_by_detector()}"
    )
    min_score: float | None = Field(
        None, ge=0, le=1, description="the score from which a found person is answered; by default the model's own"
    )

    max_batch: int = Field(
        default_factory=lambda known: 8 if known.get("device", "cpu") == "cpu" else 256,
        ge=1,
        description="most people in one run of the model; by default 8, on a GPU 256",
    )
    max_wait_ms: float = Field(2.0, ge=0, le=1000, description="how long an idle model waits for people in preparation")
    max_queue: int = Field(256, ge=1, description="most images under way; further requests get 429")
    max_people: int = Field(MAX_PEOPLE, ge=1, description="most people in one image")
    max_images: int = Field(32, ge=1, description="most images in one batch request")
    max_streams: int = Field(16, ge=0, description="most streams at a time")
    max_connections: int = Field(512, ge=1, description="most connections; further ones get 503")
    max_bytes: int = Field(Limits.max_bytes, ge=1, description="most bytes of one image")
    max_batch_bytes: int = Field(128 * 2**20, ge=1, description="most bytes of one batch request")
    max_pixels: int = Field(Limits.max_pixels, ge=1, description="most pixels of one image")
    max_video_bytes: int = Field(64 * 2**20, ge=1, description="most bytes of one video")
    max_video_frames: int = Field(1800, ge=1, description="most frames of one video")
    max_video_pixels: int = Field(9_000_000, ge=1, description="most pixels of a video's frame")
    body_budget: int = Field(512 * 2**20, ge=1, description="most bytes of all requests in memory; beyond: 429")
    pixel_budget: int = Field(
        100_000_000, ge=1, description="most pixels of images and of people's inputs in memory; further images wait"
    )
    image_threads: int = Field(2, ge=1, description="threads that decode and crop images")

    header_seconds: float = Field(10, gt=0, description="how long a connection may take to say what it wants")
    body_seconds: float = Field(30, gt=0, description="how long a request's body may take to arrive, else 408")
    deadline_seconds: float = Field(10, gt=0, description="how long an answer may take after the body, else 504")
    video_seconds: float = Field(120, gt=0, description="how long the frames of a video may take; beyond: the end")
    stop_seconds: float = Field(10, ge=0, description="how long requests under way may take after SIGTERM")


def read_settings(argv: Sequence[str] | None = None) -> Settings:
    """Options override the environment, which overrides the defaults. Raises ValueError with one line for the user."""
    parser = Parser(
        prog="unipose serve",
        description="Human pose from photos over HTTP.",
        epilog=f"Every option is also an environment variable, which the option outranks: --port is {PREFIX}PORT.",
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("--version", action="version", version=f"unipose {__version__}")
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        text = field.description if default in (None, ()) else f"{field.description} (default {default})"
        parser.add_argument(_option(name), metavar="VALUE", help=text)
    try:
        return Settings(**vars(parser.parse_args(argv)))
    except ValidationError as error:
        raise ValueError("; ".join(_explain(str(e["loc"][0]), e["msg"], e["input"]) for e in error.errors())) from error


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _explain(name: str, message: str, value: object) -> str:
    shown = "not shown" if name == "api_keys" else repr(value)
    return f"{_option(name)} ({PREFIX}{name.upper()}) is {shown}: {message.removeprefix('Value error, ')}"
