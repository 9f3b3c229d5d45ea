"""Options: what a command line says of the model and the detector, and the Predictor they make."""

import argparse
import sys

from unipose.inference.detectors.detector import DETECTORS, WEIGHTS, open_detector
from unipose.inference.predictor import Predictor
from unipose.runtime.engines import ENGINES, open_runtime
from unipose.weights import MODEL_HELP, named_model

REFUSED = 2  # the status of a command that did nothing, for it was asked what cannot be
INTERRUPTED = 130


def add_predictor_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=named_model, default="default", help=MODEL_HELP)
    parser.add_argument("--engine", choices=tuple(ENGINES), help="default: the one for the model's kind of file")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--flip", action="store_true", help="average with the mirrored image: slower, a little better")
    parser.add_argument(
        "--detector", choices=tuple(DETECTORS), default="whole",
        help="who finds the people; whole, the default, takes each image to show one",
    )  # fmt: skip
    parser.add_argument(
        "--detector-weights", metavar="W", help="; ".join(f"for {name} {what}" for name, what in WEIGHTS.items())
    )
    parser.add_argument(
        "--detector-threshold", type=float, default=0.5, metavar="T", help="the least score of a person (default 0.5)"
    )


def open_predictor(arguments: argparse.Namespace, threads: int = 0) -> Predictor:
    """`threads`: inside one run of the model on a CPU; 0 means one per core.

    Raises ValueError, OSError or ImportError for a model or a detector that cannot be opened.
    """
    runtime = open_runtime(arguments.model, arguments.engine, arguments.device, threads)
    detector = open_detector(
        arguments.detector, arguments.detector_weights, arguments.detector_threshold, arguments.device, threads
    )
    return Predictor(runtime, detector, arguments.flip)


def refused(error: ImportError | ValueError | OSError) -> int:
    """Say in one line why a command cannot do what it is asked -> its exit status."""
    why = f"this needs {error.name}, which is not installed" if isinstance(error, ImportError) else error
    print(f"error: {why}", file=sys.stderr)
    return REFUSED
