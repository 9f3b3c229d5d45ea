"""`unipose evaluate MODEL DATA.json`: PCK@0.2, PCKh@0.5 or OKS AP of a model file, per joint, as table and JSON."""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from unipose.evaluation import BOXES, METRICS, default_metric, predict_records, summarise
from unipose.predictor import Predictor
from unipose.records import Record, read_records
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
        "--boxes", choices=BOXES, default="truth", help="the annotated boxes, or what the detector finds"
    )
    parser.add_argument("--flip", action="store_true", help="average with the mirrored image")
    parser.add_argument("--engine", choices=tuple(ENGINES))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    arguments = parser.parse_args(argv)
    console = Console(stderr=True)

    def progress(records: Sequence[Record]) -> Iterable[Record]:
        return track(records, "evaluating", console=console, disable=not console.is_terminal)

    try:
        path = default_model() if str(arguments.model) == "default" else arguments.model
        record_set = read_records(arguments.data)
        predictor = Predictor(open_runtime(path, arguments.engine, arguments.device), flip=arguments.flip)
        poses = predict_records(predictor, record_set, arguments.boxes, progress)
        metric = arguments.metric or default_metric(record_set)
        summary = summarise(metric, record_set, poses)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    report = {
        **summary,
        "boxes": arguments.boxes,
        "flip": arguments.flip,
        "engine": predictor.runtime.engine,
        "model": {**predictor.spec.to_identity(), "file": path.name, "sha256": sha256(path)},
        "data": {"file": str(arguments.data), "sha256": sha256(arguments.data)},
    }
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    Console().print(table(report))
    return 0


def table(report: dict[str, Any]) -> Table:
    """The report as people read it; percent throughout."""
    out = Table(title=f"{report['metric']} of {report['model']['file']}, {report['people']} people", min_width=44)
    out.add_column("", justify="left")
    out.add_column("%", justify="right")
    for name, share in (report.get("per_keypoint") or report["coco"]).items():
        out.add_row(name, "no label" if share is None else f"{share:.1f}")
    out.add_section()
    out.add_row("mean", f"{report['mean']:.1f}", style="bold")
    flip = "with" if report["flip"] else "without"
    out.caption = (
        f"boxes: {report['boxes']}, {flip} flip test, {report['engine']}\n"
        f"model {report['model']['sha256'][:12]}, data {report['data']['sha256'][:12]} (sha256)"
    )
    return out


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    raise SystemExit(main())
