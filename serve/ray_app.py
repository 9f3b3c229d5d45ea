"""Ray Serve: the same application, as `serve run serve.ray_app:app SETTING=VALUE ...`, on one machine or many."""

import os

from fastapi import FastAPI
from ray import serve
from ray.serve import Application

from serve.process import log_config
from serve.process.worker import load_app
from serve.settings import Settings
from unipose.core.hardware import cores

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before Ray starts, which reports to its makers otherwise


def app(arguments: dict[str, str]) -> Application:
    """`arguments`: settings by name, which outrank the environment's; `workers` is the number of replicas.

    Raises pydantic's ValidationError, a ValueError, for one that does not exist or a value that cannot be.
    """
    settings = Settings(**arguments)  # type: ignore[arg-type]  # read here, not where a replica will be

    def build() -> FastAPI:
        log_config.set_up(settings.log_level, settings.log_format)
        return load_app(settings)

    deployment = serve.deployment(
        name="unipose",
        num_replicas=settings.workers,
        max_ongoing_requests=settings.max_queue + settings.max_streams + 1,  # so that our own 429 answers what is more
        ray_actor_options={"num_cpus": settings.threads or max(1, cores() // settings.workers)},
    )
    return deployment(serve.ingress(build)()).bind()
