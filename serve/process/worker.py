"""Worker: a process that loads the model and answers on a socket. A supervisor starts it by this module's name."""

import signal
import socket
import sys

import cv2
from fastapi import FastAPI

from serve.app import create_app
from serve.process import log_config
from serve.process.server import Server
from serve.settings import Settings
from unipose.core.files import sha256
from unipose.core.hardware import cores
from unipose.inference.detectors.detector import open_detector
from unipose.inference.predictor import Predictor
from unipose.runtime.engines import open_runtime

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # listened on -> an address to be reached at


def work(settings: Settings, listener: socket.socket, announce: bool) -> int:
    """Serve on a bound socket until told to stop -> the exit status. What cannot be loaded is one line."""
    for number in (signal.SIGTERM, signal.SIGINT):  # while loading, and again once uvicorn has stopped for one
        signal.signal(number, lambda *_: sys.exit(0))
    log_config.set_up(settings.log_level, settings.log_format)
    try:
        app = load_app(settings)
    except ImportError as error:
        return fail(f"this model or detector needs {error.name}, which is not installed", 2)
    except (ValueError, OSError) as error:
        return fail(str(error), 2)
    try:
        listener.listen()
    except OSError as error:  # another process took the port while the model was loaded
        return cannot_listen(settings, error)
    Server(app, settings, (lambda: _announce(listener)) if announce else _nothing).run(sockets=[listener])
    return 0


def load_app(settings: Settings) -> FastAPI:
    """The application with its model. Raises what `load_predictor` raises."""
    return create_app(settings, load_predictor(settings), sha256(settings.model))


def load_predictor(settings: Settings) -> Predictor:
    """Raises FileNotFoundError, ValueError or ImportError where model or detector cannot be loaded."""
    cv2.setNumThreads(1)  # images already have threads of their own
    threads = settings.threads or max(1, cores() // settings.workers)
    runtime = open_runtime(settings.model, settings.engine, settings.device, threads, settings.precision)
    device = settings.device.partition(",")[0]  # a detector has one copy
    detector = open_detector(settings.detector, settings.detector_weights, settings.detector_threshold, device, threads)
    return Predictor(runtime, detector, settings.flip, settings.max_batch)


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
    host = _EVERYWHERE.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def cannot_listen(settings: Settings, error: OSError) -> int:
    return fail(f"cannot listen on {settings.host}, port {settings.port}: {error.strerror}; try another --port", 1)


def fail(message: str, code: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code
