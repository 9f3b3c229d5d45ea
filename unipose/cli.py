"""`unipose VERB ...`: the one console command; each verb is also `python -m unipose.VERB`, or `python -m serve`."""

import io
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from textwrap import shorten
from types import TracebackType

from unipose import __version__
from unipose.core.extras import naming_extras

REFUSED = 2  # the exit status of a command that was asked for something impossible, and did nothing
INTERRUPTED = 130
MOST = 3000
UNREAD = 141  # nobody reads the standard output any more, as after `| head`
# What each verb needs; predict has it, but for what its options name. The others need train.
VERB_EXTRAS = {"batch": "ray", "predict": None, "serve": "serve", "video": "video"}

VERBS = {
    "predict": "joints of photographs: overlay pictures and JSON",
    "video": "a video, webcam or stream: people followed, overlay and joints of every frame",
    "batch": "a folder of images and videos, by several processes or machines; goes on where it was stopped",
    "serve": "a web page and an API that find joints",
    "train": "train a network; without arguments, on a drawn sample set",
    "pretrain": "train a trunk as a classifier first, on an image folder or CIFAR",
    "cifar": "error table of trunks as classifiers, on CIFAR-10 or drawn classes",
    "evaluate": "PCK, PCKh or OKS AP of a model file on a data set",
    "calibrate": "a trained model whose scores say how often keypoints are right",
    "export": "a trained model as ONNX, compared with PyTorch before it is written",
    "quantize": "an exported model with 8-bit weights and activations, for CPUs",
    "models": "the zoo with parameters and GMAC",
    "study": "variants of a training side by side, several seeds of each",
    "bench": "how fast this machine trains and finds poses; what smoothing does to keypoints",
}


def main(argv: list[str] | None = None) -> int:
    return exit_status(lambda: _main(sys.argv[1:] if argv is None else argv))


def _main(argv: list[str]) -> int:
    if os.getpid() == 1:  # in a container, where the kernel keeps from the first process what it does not handle
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    verb, *rest = argv or ["--help"]
    if verb in ("-h", "--help"):
        print(f"unipose {__version__}\nusage: unipose VERB ... (unipose VERB --help says more)\n")
        print("\n".join(f"  {name:10}{what}" for name, what in VERBS.items()))
        return 0
    if verb == "--version":
        print(f"unipose {__version__}")
        return 0
    if verb not in VERBS:
        return refuse(ValueError(f"no verb {verb!r}; choose one of {', '.join(VERBS)}"))
    with _naming_extras(verb):
        module = import_module("serve.__main__" if verb == "serve" else f"unipose.{verb}")
    code: int = module.main(rest)
    return code


def _naming_extras(verb: str) -> AbstractContextManager[None]:
    return naming_extras(verb, VERB_EXTRAS.get(verb, "train"))


def end_module(name: str, error: BaseException, traceback: TracebackType | None) -> None:
    """End `python -m NAME` by an error that nothing in it caught, as of its own imports. For `sys.excepthook`."""
    if not isinstance(error, ImportError):
        sys.__excepthook__(type(error), error, traceback)
        return

    def end() -> None:
        with _naming_extras(name.removeprefix("unipose.").partition(".")[0]):
            raise error

    sys.exit(exit_status(end))


def exit_status(action: Callable[[], int | None]) -> int:
    """Run a command -> the exit status it returns, or 0. What makes it impossible becomes one line, and REFUSED.

    So do Ctrl-C and a standard output that nobody reads, with statuses of their own.
    """
    for stream, errors in ((sys.stdout, "surrogateescape"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):  # names of files and keypoints are in UTF-8, whatever the locale
            stream.reconfigure(encoding="utf-8", errors=errors)
    try:
        with naming_extras():
            status = action() or 0
        _flush_output()  # here, where its error is told
    except KeyboardInterrupt:
        status = INTERRUPTED
        print("interrupted", file=sys.stderr)
    except BrokenPipeError:
        status = UNREAD
        refuse(ValueError("nobody reads the standard output any more"))
    except (ImportError, ValueError, OSError) as error:
        status = refuse(error)
    try:
        _flush_output()
    except OSError:  # told above; else Python would tell it again when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


def refuse(error: ImportError | ValueError | OSError) -> int:
    """Say in one line, of at most MOST characters, why a command cannot be carried out -> REFUSED."""
    print(f"error: {shorten(in_words(error), MOST, placeholder=' ...')}", file=sys.stderr)
    return REFUSED


def in_words(error: ImportError | ValueError | OSError) -> str:
    """What an error says; the system's own of a file as "photo.jpg: No such file or directory", without its number."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _flush_output() -> None:
    try:
        if sys.stdout:  # none where it is closed
            sys.stdout.flush()
    except OSError as error:
        error.filename = "the standard output"
        raise


if __name__ == "__main__":
    raise SystemExit(main())
