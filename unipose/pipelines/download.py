"""Download: the picture at an http or https address, within bounds of size and time."""

import re
from collections.abc import Callable
from http.client import HTTPException
from pathlib import PurePosixPath
from threading import Thread
from urllib import request
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from unipose import __version__
from unipose.core.image import ImageTooLarge, Limits

SECONDS = 30.0
# No handler of ftp, files or data, to which an answer may redirect.
HANDLERS = (
    request.ProxyHandler, request.HTTPHandler, request.HTTPSHandler, request.HTTPRedirectHandler,
    request.HTTPDefaultErrorHandler, request.HTTPErrorProcessor, request.UnknownHandler,
)  # fmt: skip


def is_address(name: str) -> bool:
    """Whether it is an http or https address, and no file's name."""
    return name.lower().startswith(("http://", "https://"))


def file_name(address: str) -> str:
    """What a file of an address is called: its path's last part, or else its host, in harmless characters."""
    parts = urlsplit(address)
    name = PurePosixPath(unquote(parts.path)).name.strip(".") or parts.netloc
    return re.sub(r"[^\w.() -]", "_", name)[-100:]


def download(address: str, max_bytes: int = Limits.max_bytes, seconds: float = SECONDS) -> bytes:
    """What is at an address. Raises OSError where it cannot be had in time, ImageTooLarge; both name the address."""
    found: list[bytes | Exception] = []

    def fetch() -> None:
        try:
            found.append(_fetch(address, max_bytes, seconds))
        except Exception as error:  # it is told by who waits
            found.append(error)

    fetcher = Thread(target=fetch, daemon=True)  # names and headers may come slowly as well, by no limit of urllib's
    fetcher.start()
    fetcher.join(seconds)
    answer = found[0] if found else TimeoutError()
    if isinstance(answer, bytes):
        return answer
    if isinstance(answer, TimeoutError):
        raise OSError(f"{address} did not come within {seconds:g} s") from answer
    for kind, message in ERRORS.items():
        if isinstance(answer, kind):
            raise OSError(f"{address} {message(answer)}") from answer
    raise answer


def _fetch(address: str, max_bytes: int, seconds: float) -> bytes:
    opener = request.OpenerDirector()
    for handler in HANDLERS:
        opener.add_handler(handler())
    asked = request.Request(_in_ascii(address), headers={"User-Agent": f"unipose/{__version__}"})
    with opener.open(asked, timeout=seconds) as answer:
        data: bytes = answer.read(max_bytes + 1)
        missing = answer.length
    if len(data) > max_bytes:
        raise ImageTooLarge(f"{address} has more than {max_bytes:,} bytes, which is the limit")
    if missing:
        raise ConnectionError(f"after {len(data):,} bytes {missing:,} more were to come")
    return data


def _in_ascii(address: str) -> str:
    """An address as a person writes it -> as it is asked for."""
    parts = urlsplit(address)
    try:
        host = parts.netloc.encode("idna").decode()
    except UnicodeError:
        host = parts.netloc
    return urlunsplit((parts.scheme, host, quote(parts.path, "/%"), quote(parts.query, "=&%+/?"), ""))


# What may go wrong, and what is said of it after the address; the first that fits.
ERRORS: dict[type[Exception], Callable[..., str]] = {
    HTTPError: lambda error: f"is not to be had: the server answers {error.code} {error.reason}",
    URLError: lambda error: f"cannot be reached: {error.reason}",
    HTTPException: lambda error: f"gives no proper answer: {error!r}",
    OSError: lambda error: f"broke off: {error}",
}
