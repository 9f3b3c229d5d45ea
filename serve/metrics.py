"""Metrics: the counters and histograms of the service, for Prometheus."""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STAGES = ("body", "decode", "prepare", "queue", "model", "read", "draw")
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_PEOPLE = (1, 2, 4, 8, 16, 32, 64)
MULTIPROCESS_DIR = "PROMETHEUS_MULTIPROC_DIR"  # set by the supervisor: the folder of all workers' metrics


class Metrics:
    """The metrics of one app; with several worker processes, each of them exposes the sum over all."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "unipose_requests", "Answers, by address and status", ["path", "status"], registry=self._registry
        )
        self.rejected = Counter(
            "unipose_rejected", "Requests and frames refused for load, by reason", ["reason"], registry=self._registry
        )
        self.seconds = Histogram(
            "unipose_request_seconds", "From a request's headers to its answer", ["path"],
            buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self._stages = Histogram(
            "unipose_stage_seconds",
            "Where the time goes: body (arriving), decode and prepare (per image), queue (per person), "
            "model (per batch), read, draw (per image)",
            ["stage"], buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self.batch = Histogram("unipose_batch_people", "People in a batch", buckets=_PEOPLE, registry=self._registry)
        self.queue = Gauge(
            "unipose_queue_people", "People waiting for the model or in it",
            registry=self._registry, multiprocess_mode="livesum",
        )  # fmt: skip
        self.in_progress = 0  # requests of this process
        self._in_flight = Gauge(
            "unipose_requests_in_flight", "Requests being answered",
            registry=self._registry, multiprocess_mode="livesum",
        )  # fmt: skip
        for stage in STAGES:
            self._stages.labels(stage)

    def begin(self) -> None:
        self.in_progress += 1
        self._in_flight.inc()

    def end(self) -> None:
        self.in_progress -= 1
        self._in_flight.dec()

    def observe_stage(self, name: str, *seconds: float) -> None:
        """`name`: one of `STAGES`."""
        for value in seconds:
            self._stages.labels(name).observe(value)

    def text(self) -> bytes:
        """All metrics in Prometheus's text format, of media type `MEDIA_TYPE`."""
        if MULTIPROCESS_DIR not in os.environ:
            return generate_latest(self._registry)
        combined = CollectorRegistry()
        MultiProcessCollector(combined)  # type: ignore[no-untyped-call]
        return generate_latest(combined)
