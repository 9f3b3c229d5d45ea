"""`python -m serve`: load the model, listen, and say how to try it."""

import logging
import signal
import socket
import sys
from collections.abc import Sequence

import cv2
import uvicorn

from serve.app import create_app
from serve.settings import Settings, read_settings
from unipose.detect import DETECTORS
from unipose.predictor import Predictor
from unipose.runtime import open_runtime

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # listened on -> an address to be reached at


class _Server(uvicorn.Server):
    """Tells the user when it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for url in map(_url, sockets or []):
            print(
                f"UniPose listens on {url} (Ctrl+C stops it). Try:\n  curl -F image=@photo.jpg {url}/pose", flush=True
            )


def main(argv: Sequence[str] | None = None) -> int:
    try:
        settings = read_settings(argv)
    except ValueError as error:
        return _fail(str(error), 2)
    try:
        listener = _bind(settings.host, settings.port)
    except OSError as error:
        return _cannot_listen(settings, error)
    try:
        predictor = load_predictor(settings)
    except ImportError as error:
        return _fail(f"this model's engine needs {error.name}, which is not installed", 2)
    except (ValueError, OSError) as error:
        return _fail(str(error), 2)
    try:
        listener.listen()
    except OSError as error:  # another process took the port while the model was loaded
        return _cannot_listen(settings, error)
    logging.basicConfig(level=settings.log_level.upper())
    config = uvicorn.Config(
        create_app(settings, predictor),
        log_level=settings.log_level,
        timeout_graceful_shutdown=settings.stop_seconds,
        server_header=False,
    )
    _Server(config).run(sockets=[listener])
    return 0


def load_predictor(settings: Settings) -> Predictor:
    """Raises FileNotFoundError, ValueError or ImportError where the model cannot be loaded."""
    cv2.setNumThreads(1)  # images already have threads of their own
    runtime = open_runtime(settings.model, settings.engine, settings.device, settings.threads)
    return Predictor(runtime, DETECTORS[settings.detector](), settings.flip, settings.max_batch)


def _bind(host: str, port: int) -> socket.socket:
    """A socket that has its port, which fails before the model is loaded; it listens after that."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    return listener


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
    for number in (signal.SIGTERM, signal.SIGINT):  # while loading, and again once uvicorn has stopped for one
        signal.signal(number, lambda *_: sys.exit(0))
    raise SystemExit(main())
