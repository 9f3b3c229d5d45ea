"""`unipose evaluate MODEL DATA.json`: PCK@0.2, PCKh@0.5 or OKS AP of a model file, per joint, as table and JSON."""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from unipose.core.files import sha256
from unipose.core.heatmap import DECODERS
from unipose.core.image import images_in
from unipose.core.metrics import auroc
from unipose.core.pose import Pose
from unipose.datasets.records import RecordSet, read_records
from unipose.evaluation import report
from unipose.evaluation.predictions import BOXES, Look, predict_detections, predict_looks, predict_records
from unipose.evaluation.summary import METRICS, default_metric, summarise, summarise_ap
from unipose.inference.predictor import Predictor
from unipose.runtime.engines import ENGINES, open_runtime
from unipose.weights import MODEL_HELP, named_model


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="unipose evaluate", description=__doc__)
    parser.add_argument("model", type=named_model, help=MODEL_HELP)
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
    parser.add_argument("--decoder", choices=tuple(DECODERS), default="quadratic")
    parser.add_argument("--compare", action="store_true", help="the mean of every decoder, with and without flip test")
    parser.add_argument("--engine", choices=tuple(ENGINES))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    parser.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="write report.html, gallery.png of the worst cases and reliability.png",
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
    record_set = read_records(arguments.data)
    metric = arguments.metric or default_metric(record_set)
    runtime = open_runtime(arguments.model, arguments.engine, arguments.device)
    boxes = arguments.boxes if arguments.boxes in BOXES else Path(arguments.boxes)
    if isinstance(boxes, Path) and (metric != "ap" or arguments.report):
        raise ValueError(
            f"with boxes of a detection file only --metric ap can be judged, and without --report: {boxes}"
        )
    if arguments.share and not (0 < arguments.share <= 1 and boxes == "detector"):
        raise ValueError(f"--share is from 0 to 1, and needs --boxes detector: got {arguments.share} with {boxes}")

    if arguments.empty and boxes != "detector":
        raise ValueError(f"--empty needs --boxes detector, got {boxes}")
    empty = [Look(path, None) for path in images_in(arguments.empty)] if arguments.empty else []

    def judge(predictor: Predictor) -> tuple[dict[str, Any], list[Pose]]:
        return _judge(predictor, record_set, metric, boxes, arguments.window, arguments.share)

    predictor = Predictor(runtime, flip=arguments.flip, decoder=arguments.decoder)
    summary, poses = judge(predictor)
    if empty:
        summary["empty"] = apart(poses, predict_looks(predictor, empty, _progress))
    if arguments.compare:
        summary["decoders"] = {
            f"{name}{', flip' * flip}": judge(Predictor(runtime, flip=flip, decoder=name))[0]["mean"]
            for name in DECODERS
            for flip in (False, True)
        }
    result = {
        **summary,
        "boxes": str(boxes),
        "share": arguments.share,
        "window": arguments.window,
        "flip": arguments.flip,
        "decoder": arguments.decoder,
        "engine": runtime.engine,
        "model": {**runtime.spec.to_identity(), "file": arguments.model.name, "sha256": sha256(arguments.model)},
        "data": {"file": str(arguments.data), "sha256": sha256(arguments.data)},
    }
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    if arguments.report:
        arguments.report.mkdir(parents=True, exist_ok=True)
        worst = report.gallery(record_set, poses)
        (arguments.report / "gallery.png").write_bytes(report.to_png(worst))
        plot = report.reliability_plot(result) if "reliability" in result else None
        if plot:
            (arguments.report / "reliability.png").write_bytes(plot)
        (arguments.report / "report.html").write_text(report.to_html(result, worst, plot))
    Console().print(table(result))


def apart(people: Sequence[Pose], empty: Sequence[Sequence[Pose]]) -> dict[str, Any]:
    """How well the person score tells these people from what is found in photos without any."""
    scores = [np.array([pose.person_score for pose in poses]) for poses in (people, list(chain.from_iterable(empty)))]
    return {
        "photos": len(empty),
        "auroc": auroc(*scores),
        "median_with_person": float(np.median(scores[0])),
        "median_without": float(np.median(scores[1])),
    }


def _judge(
    predictor: Predictor, record_set: RecordSet, metric: str, boxes: str | Path, window: int, share: float
) -> tuple[dict[str, Any], list[Pose]]:
    """-> the summary and, unless the boxes are a detection file's, the pose of each record."""
    if isinstance(boxes, Path):
        return summarise_ap(predict_detections(predictor, record_set, boxes, _progress), record_set), []
    poses = predict_records(predictor, record_set, boxes, _progress, window, share)
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
