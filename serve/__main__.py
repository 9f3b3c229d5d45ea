"""`python -m serve`: load the model, listen, and say how to try it."""

import signal
import socket
import sys
from collections.abc import Sequence

import cv2

from serve import logs
from serve.app import create_app
from serve.server import Server
from serve.settings import Settings, read_settings
from serve.supervisor import Supervisor
from unipose.detect import open_detector
from unipose.files import sha256
from unipose.predictor import Predictor
from unipose.runtime import cores, open_runtime

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # listened on -> an address to be reached at


def main(argv: Sequence[str] | None = None) -> int:
    try:
        settings = read_settings(argv)
    except ValueError as error:
        return _fail(str(error), 2)
    logs.set_up(settings.log_level, settings.log_format)
    try:
        listener = _bind(settings.host, settings.port)
    except OSError as error:
        return _cannot_listen(settings, error)
    if settings.workers > 1:
        return Supervisor(work, settings, listener).run()
    return work(settings, listener, announce=True)


def work(settings: Settings, listener: socket.socket, announce: bool) -> int:
    """Serve on a bound socket until told to stop -> the exit status. What cannot be loaded is one line."""
    for number in (signal.SIGTERM, signal.SIGINT):  # while loading, and again once uvicorn has stopped for one
        signal.signal(number, lambda *_: sys.exit(0))
    logs.set_up(settings.log_level, settings.log_format)
    try:
        app = create_app(settings, load_predictor(settings), sha256(settings.model))
    except ImportError as error:
        return _fail(f"this model or detector needs {error.name}, which is not installed", 2)
    except (ValueError, OSError) as error:
        return _fail(str(error), 2)
    try:
        listener.listen()
    except OSError as error:  # another process took the port while the model was loaded
        return _cannot_listen(settings, error)
    Server(app, settings, (lambda: _announce(listener)) if announce else _nothing).run(sockets=[listener])
    return 0


def load_predictor(settings: Settings) -> Predictor:
    """Raises FileNotFoundError, ValueError or ImportError where model or detector cannot be loaded."""
    cv2.setNumThreads(1)  # images already have threads of their own
    threads = settings.threads or max(1, cores() // settings.workers)
    runtime = open_runtime(settings.model, settings.engine, settings.device, threads, settings.precision)
    detector = open_detector(
        settings.detector, settings.detector_weights, settings.detector_threshold, settings.device, threads
    )
    return Predictor(runtime, detector, settings.flip, settings.max_batch)


def _bind(host: str, port: int) -> socket.socket:
    """A socket that has its port, which fails before the model is loaded; it listens after that."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    return listener


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


def _cannot_listen(settings: Settings, error: OSError) -> int:
    return _fail(f"cannot listen on {settings.host}, port {settings.port}: {error.strerror}; try another --port", 1)


def _fail(message: str, code: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
