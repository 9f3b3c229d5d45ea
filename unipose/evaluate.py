"""`unipose evaluate MODEL DATA.json`: PCK@0.2, PCKh@0.5 or OKS AP of a model file, per joint, as table and JSON."""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from unipose import report
from unipose.evaluation import (
    BOXES,
    METRICS,
    default_metric,
    predict_detections,
    predict_records,
    summarise,
    summarise_ap,
)  # fmt: skip
from unipose.files import sha256
from unipose.heatmap import DECODERS
from unipose.pose import Pose
from unipose.predictor import Predictor
from unipose.records import RecordSet, read_records
from unipose.runtime import ENGINES, open_runtime
from unipose.weights import default_model


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="unipose evaluate", description=__doc__)
    parser.add_argument("model", type=Path, help='an .onnx or .safetensors file, or "default" for the embedded one')
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
    parser.add_argument("--decoder", choices=tuple(DECODERS), default="quadratic")
    parser.add_argument("--compare", action="store_true", help="the mean of every decoder, with and without flip test")
    parser.add_argument("--engine", choices=tuple(ENGINES))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    parser.add_argument(
        "--report", type=Path, metavar="DIR", help="write report.html and gallery.png of the worst cases"
    )
    arguments = parser.parse_args(argv)
    try:
        evaluate(arguments)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def evaluate(arguments: argparse.Namespace) -> None:
    """Raises ValueError and OSError for what cannot be judged."""
    path = default_model() if str(arguments.model) == "default" else arguments.model
    record_set = read_records(arguments.data)
    metric = arguments.metric or default_metric(record_set)
    runtime = open_runtime(path, arguments.engine, arguments.device)
    boxes = arguments.boxes if arguments.boxes in BOXES else Path(arguments.boxes)
    if isinstance(boxes, Path) and (metric != "ap" or arguments.report):
        raise ValueError(
            f"with boxes of a detection file only --metric ap can be judged, and without --report: {boxes}"
        )

    def judge(decoder: str, flip: bool) -> tuple[dict[str, Any], list[Pose]]:
        return _judge(Predictor(runtime, flip=flip, decoder=decoder), record_set, metric, boxes, arguments.window)

    summary, poses = judge(arguments.decoder, arguments.flip)
    if arguments.compare:
        ways = {f"{name}{', flip' * flip}": (name, flip) for name in DECODERS for flip in (False, True)}
        summary["decoders"] = {way: judge(*choice)[0]["mean"] for way, choice in ways.items()}
    result = {
        **summary,
        "boxes": str(boxes),
        "window": arguments.window,
        "flip": arguments.flip,
        "decoder": arguments.decoder,
        "engine": runtime.engine,
        "model": {**runtime.spec.to_identity(), "file": path.name, "sha256": sha256(path)},
        "data": {"file": str(arguments.data), "sha256": sha256(arguments.data)},
    }
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    if arguments.report:
        arguments.report.mkdir(parents=True, exist_ok=True)
        worst = report.gallery(record_set, poses)
        (arguments.report / "gallery.png").write_bytes(report.to_png(worst))
        (arguments.report / "report.html").write_text(report.to_html(result, worst))
    Console().print(table(result))


def _judge(
    predictor: Predictor, record_set: RecordSet, metric: str, boxes: str | Path, window: int
) -> tuple[dict[str, Any], list[Pose]]:
    """-> the summary and, unless the boxes are a detection file's, the pose of each record."""
    if isinstance(boxes, Path):
        return summarise_ap(predict_detections(predictor, record_set, boxes, _progress), record_set), []
    poses = predict_records(predictor, record_set, boxes, _progress, window)
    return summarise(metric, record_set, poses), poses


def _progress(work: Sequence[Any]) -> Iterable[Any]:
    console = Console(stderr=True)
    return track(work, "evaluating", console=console, disable=not console.is_terminal, transient=True)


def table(result: dict[str, Any]) -> Table:
    """The report as people read it; percent throughout."""
    out = Table(title=f"{result['metric']} of {result['model']['file']}, {result['people']} people", min_width=50)
    out.add_column("")
    out.add_column("%", justify="right")
    for name, rows in report.tables(result):
        out.add_section()
        for row, share in rows:
            out.add_row(row if name != "decoders" else f"decoder {row}", share)
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
