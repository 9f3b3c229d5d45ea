"""`unipose VERB ...`: the one console command; each verb is also `python -m unipose.VERB`, or `python -m serve`."""

import argparse
import io
import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from typing import NoReturn

from unipose import __version__

REFUSED = 2  # the exit status of a command that was asked for something impossible, and did nothing
INTERRUPTED = 130

VERBS = {
    "predict": "joints of photographs: overlay pictures and JSON",
    "video": "a video, webcam or stream: people followed, overlay and joints of every frame",
    "batch": "a folder of images and videos, by several processes or machines; goes on where it was stopped",
    "serve": "a web page and an API that find joints",
    "train": "train a network; without arguments, on a drawn sample set",
    "pretrain": "train a trunk as a classifier first, on an image folder or CIFAR",
    "evaluate": "PCK, PCKh or OKS AP of a model file on a data set",
    "calibrate": "a trained model whose scores say how often keypoints are right",
    "export": "a trained model as ONNX, compared with PyTorch before it is written",
    "quantize": "an exported model with 8-bit weights and activations, for CPUs",
    "models": "the zoo with parameters and GMAC",
    "study": "variants of a training side by side, several seeds of each",
    "bench": "how fast this machine trains and finds poses; what smoothing does to keypoints",
}


def main(argv: list[str] | None = None) -> int:
    if os.getpid() == 1:  # in a container, where the kernel keeps from the first process what it does not handle
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    verb, *rest = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if verb in ("-h", "--help"):
        print(f"unipose {__version__}\nusage: unipose VERB ... (unipose VERB --help says more)\n")
        print("\n".join(f"  {name:10}{what}" for name, what in VERBS.items()))
        return 0
    if verb == "--version":
        print(f"unipose {__version__}")
        return 0
    if verb not in VERBS:
        print(f"error: no verb {verb!r}; choose one of {', '.join(VERBS)}", file=sys.stderr)
        return REFUSED
    try:
        module = import_module("serve.__main__" if verb == "serve" else f"unipose.{verb}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith(("unipose", "serve")):
            raise
        extra = {"batch": "ray", "serve": "serve", "video": "video"}.get(verb, "train")
        print(f"error: {verb} needs {error.name}: pip install 'unipose[{extra}]'", file=sys.stderr)
        return REFUSED
    code: int = module.main(rest)
    return code


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that says in one line what is wrong with a command line."""

    def error(self, message: str) -> NoReturn:
        self.exit(REFUSED, f"error: {message}\n")


def exit_status(action: Callable[[], int | None]) -> int:
    """Run a command -> the exit status it returns, or 0. What makes it impossible becomes one line, and REFUSED."""
    for stream, errors in ((sys.stdout, "surrogateescape"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):  # names of files and keypoints are in UTF-8, whatever the locale
            stream.reconfigure(encoding="utf-8", errors=errors)
    try:
        return action() or 0
    except (ImportError, ValueError, OSError) as error:
        return refuse(error)


def refuse(error: ImportError | ValueError | OSError) -> int:
    """Say in one line why a command cannot be carried out -> REFUSED."""
    why = f"this needs {error.name}, which is not installed" if isinstance(error, ImportError) else error
    print("error:", " ".join(line.strip() for line in str(why).splitlines()), file=sys.stderr)
    return REFUSED


if __name__ == "__main__":
    raise SystemExit(main())
