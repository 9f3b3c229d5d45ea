"""Worker: a process that loads the model and serves on a socket. A supervisor's workers import this module by name."""

import signal
import socket
import sys

import cv2
from fastapi import FastAPI

from serve.app import create_app
from serve.process.log_config import configure_logging
from serve.process.server import Server
from serve.settings import Settings
from unipose.core.files import sha256
from unipose.core.hardware import cores
from unipose.inference.loading import load
from unipose.inference.predictor import Predictor

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # wildcard address -> one that a browser can open


def run_worker(settings: Settings, listener: socket.socket, announce: bool) -> int:
    """Serve on a bound socket until a signal stops it -> the exit status. A model that cannot be loaded is one line."""
    for number in (signal.SIGTERM, signal.SIGINT):  # while loading, and when uvicorn raises it again at the end
        signal.signal(number, lambda *_: sys.exit(0))
    configure_logging(settings.log_level, settings.log_format)
    try:
        app = load_app(settings)
    except (ImportError, ValueError, OSError) as error:
        return fail(str(error), 2)
    try:
        listener.listen()
    except OSError as error:  # another process took the port while the model was loaded
        return cannot_listen(settings, error)
    Server(app, settings, (lambda: _announce(listener)) if announce else _nothing).run(sockets=[listener])
    return 0


def load_app(settings: Settings) -> FastAPI:
    """The application around its model. Raises what `load_predictor` raises."""
    return create_app(settings, load_predictor(settings), sha256(settings.model))


def load_predictor(settings: Settings) -> Predictor:
    """Raises FileNotFoundError, ValueError or ImportError where model or detector cannot be loaded."""
    cv2.setNumThreads(1)  # images are processed in threads already
    threads = settings.threads or max(1, cores() // settings.workers)
    return load(
        settings.model, engine=settings.engine, device=settings.device, threads=threads, precision=settings.precision,
        detector=settings.detector, detector_weights=settings.detector_weights,
        detector_threshold=settings.detector_threshold, flip=settings.flip, max_batch=settings.max_batch,
        decoder=settings.decoder, min_score=settings.min_score,
    )  # fmt: skip


def _announce(listener: socket.socket) -> None:
    url = _url(listener)
    print(
        f"UniPose listens on {url} (Ctrl+C stops it). Open it in a browser, or try:\n"
        f"  curl -F image=@photo.jpg {url}/pose",
        flush=True,
    )


def _nothing() -> None:
    pass


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    host = _LOOPBACK.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def cannot_listen(settings: Settings, error: OSError) -> int:
    where = f"cannot listen on {settings.host}, port {settings.port}: {error.strerror}"
    other = settings.port + 1 if 1024 <= settings.port < 65535 else 8080
    return fail(f"{where}; try another: --port {other}, or make serve PORT={other}", 1)


def fail(message: str, code: int) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return code
