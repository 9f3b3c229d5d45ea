"""`python -m serve`: load the model, listen, and say how to try it."""

import socket
from collections.abc import Sequence

from serve.process import log_config
from serve.process.supervisor import Supervisor
from serve.process.worker import cannot_listen, fail, work
from serve.settings import read_settings


def main(argv: Sequence[str] | None = None) -> int:
    try:
        settings = read_settings(argv)
    except ValueError as error:
        return fail(str(error), 2)
    log_config.set_up(settings.log_level, settings.log_format)
    try:
        listener = _bind(settings.host, settings.port)
    except OSError as error:
        return cannot_listen(settings, error)
    if settings.workers > 1:
        return Supervisor(work, settings, listener).run()
    return work(settings, listener, announce=True)


def _bind(host: str, port: int) -> socket.socket:
    """A socket that has its port, which fails before the model is loaded; it listens after that."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    return listener


if __name__ == "__main__":
    raise SystemExit(main())
