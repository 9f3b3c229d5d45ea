"""The application on Ray Serve, on one machine or many: `serve run serve.ray_app:app SETTING=VALUE ...`."""

import os

from fastapi import FastAPI
from ray import serve
from ray.serve import Application

from serve.process.log_config import configure_logging
from serve.process.worker import load_app
from serve.settings import Settings
from unipose.core.hardware import cores

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before Ray starts: it sends usage statistics otherwise


def app(arguments: dict[str, str]) -> Application:
    """`arguments`: settings by name, which override the environment's; `workers` is the number of replicas.

    Raises pydantic's ValidationError, a ValueError, for an unknown setting or an invalid value.
    """
    settings = Settings(**arguments)  # type: ignore[arg-type]  # from this machine's environment, not the replica's

    def build() -> FastAPI:
        configure_logging(settings.log_level, settings.log_format)
        return load_app(settings)

    deployment = serve.deployment(
        name="unipose",
        num_replicas=settings.workers,
        max_ongoing_requests=settings.max_queue + settings.max_streams + 1,  # the excess gets the application's own 429
        ray_actor_options={"num_cpus": settings.threads or max(1, cores() // settings.workers)},
    )
    return deployment(serve.ingress(build)()).bind()
