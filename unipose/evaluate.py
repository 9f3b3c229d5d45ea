"""`unipose evaluate MODEL DATA.json`: PCK@0.2, PCKh@0.5 or OKS AP of a model file, per joint, as table and JSON."""

import argparse
import json
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from unipose.cli import exit_status
from unipose.core.arguments import Parser
from unipose.core.files import read_json, refuse_overwrite, write_atomically
from unipose.core.heatmap import DECODERS
from unipose.core.types import Json
from unipose.datasets.records import read_records
from unipose.evaluation import report
from unipose.evaluation.evaluator import EvaluationOptions, evaluate
from unipose.evaluation.summary import METRICS
from unipose.pipelines.options import add_detector_options, add_force, read_options
from unipose.pipelines.progress import track
from unipose.runtime.engines import ENGINES
from unipose.weights import MODEL_HELP, named_model


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    return exit_status(lambda: _run(arguments))


def _parser() -> Parser:
    parser = Parser(prog="unipose evaluate", description=__doc__)
    parser.add_argument("model", help=MODEL_HELP)
    parser.add_argument("data", type=Path, help="COCO-keypoint JSON, as data/prepare_*.py write it")
    parser.add_argument(
        "--metric", choices=tuple(METRICS), help="default: the data's own (LSP pck, MPII pckh, COCO ap)"
    )
    parser.add_argument(
        "--boxes", default="truth",
        help="truth: the annotated boxes (default); detector: what the service would find; or a COCO detection file",
    )  # fmt: skip
    parser.add_argument("--flip", action="store_true", help="average with the mirrored image")
    parser.add_argument(
        "--window", type=int, default=0, metavar="T",
        help="of clips: a model with memory forgets after T frames; 1: it sees single frames (default: whole clips)",
    )  # fmt: skip
    parser.add_argument(
        "--share", type=float, default=0.0, metavar="S",
        help="with --boxes detector: photos are widened until the person takes this share of their height, as 0.3",
    )  # fmt: skip
    parser.add_argument(
        "--empty", type=Path, metavar="FOLDER",
        help="with --boxes detector: photos without people, to say how well the person score tells them apart (AUROC)",
    )  # fmt: skip
    parser.add_argument("--decoder", choices=tuple(DECODERS), default="dark")
    parser.add_argument("--compare", action="store_true", help="the mean of every decoder, with and without flip test")
    parser.add_argument("--engine", choices=tuple(ENGINES))
    parser.add_argument("--device", default="cpu")
    add_detector_options(parser)
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    parser.add_argument(
        "--report", type=Path, metavar="DIR",
        help="write report.html and, of people in annotated boxes, gallery.png of the worst and reliability.png",
    )  # fmt: skip
    add_force(parser)
    return parser


def _run(arguments: argparse.Namespace) -> None:
    options = read_options(EvaluationOptions, arguments)
    model = named_model(arguments.model, arguments.device, arguments.engine)
    record_set = read_records(arguments.data)
    inputs = [model, *record_set.files, *options.files]
    numbers = [arguments.json] if arguments.json else []
    pages = report.files(arguments.report) if arguments.report else []
    own = dict.fromkeys(pages, report.is_own) | dict.fromkeys(numbers, _is_report)
    refuse_overwrite([*numbers, *pages], inputs, lambda path: own[path](path), arguments.force)
    evaluation = evaluate(model, record_set, options, partial(track, unit="inputs"))
    if arguments.json:
        write_atomically(arguments.json, (json.dumps(evaluation.report, indent=1) + "\n").encode())
    if arguments.report:
        report.write_report(arguments.report, evaluation)
    Console().print(table(evaluation.report))


def _is_report(path: Path) -> bool:
    """Whether a file is an earlier `--json`."""
    try:
        return "metric" in read_json(path)
    except (ValueError, TypeError):
        return False


def table(result: Json) -> Table:
    """The report as people read it; percent throughout."""
    out = Table(title=f"{result['metric']} of {result['model']['file']}, {result['people']} people", min_width=50)
    out.add_column("")
    out.add_column("%", justify="right")
    for name, rows in report.tables(result):
        out.add_section()
        for row, share in rows:
            out.add_row(f"decoder {row}" if name == "decoders" else row, share)
    out.add_section()
    out.add_row("mean", report.percent(result["mean"]), style="bold")
    flip = "with" if result["flip"] else "without"
    out.caption = (
        f"boxes: {result['boxes']}, {flip} flip test, {result['decoder']}, {result['engine']}\n"
        f"model {result['model']['sha256'][:12]}, data {result['data']['sha256'][:12]} (sha256)"
    )
    return out


if __name__ == "__main__":
    raise SystemExit(main())
