"""`python -m serve`: bind the port, load the model and serve, in one process or several."""

import logging
import socket
import sys
from collections.abc import Sequence
from ipaddress import ip_address

from serve.process.log_config import configure_logging
from serve.process.supervisor import Supervisor
from serve.process.worker import cannot_listen, fail, run_worker
from serve.settings import read_settings

_log = logging.getLogger("serve")


def main(argv: Sequence[str] | None = None) -> int:
    try:
        settings = read_settings(argv)
    except ValueError as error:
        return fail(str(error), 2)
    configure_logging(settings.log_level, settings.log_format)
    try:
        listener = _bind(settings.host, settings.port)
    except OSError as error:
        return cannot_listen(settings, error)
    if not settings.api_keys and not ip_address(listener.getsockname()[0]).is_loopback:
        _log.warning("there are no API keys: everybody who can reach this machine may send images; see --api-keys")
    with listener:
        if settings.workers > 1:
            return Supervisor(run_worker, settings, listener).run()
        return run_worker(settings, listener, announce=True)


def _bind(host: str, port: int) -> socket.socket:
    """A bound socket that does not listen yet, so that a taken port is an error before the model is loaded."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    if sys.platform != "win32":  # where it would let two services share a port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    return listener


if __name__ == "__main__":
    raise SystemExit(main())
