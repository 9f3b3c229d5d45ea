"""Report: an evaluation as an HTML page with tables, a gallery of the worst cases and a reliability plot."""

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from unipose.core.draw import contact_sheet, draw_poses
from unipose.core.files import write_atomically
from unipose.core.image import encode_image, read_image
from unipose.core.pose import Pose
from unipose.core.signature import is_signed, signature, signed
from unipose.core.types import RGB
from unipose.datasets.records import RecordSet
from unipose.evaluation.evaluator import Evaluation
from unipose.evaluation.summary import annotated, errors

Report = Mapping[str, Any]  # what `unipose evaluate` writes as JSON
Table = list[tuple[str, str]]

KIND = "report"  # of files, by their signature
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; } td, th { padding: .15rem .8rem; border-bottom: 1px solid #ccc8; }
td + td, th + th { text-align: right; font-variant-numeric: tabular-nums; } th { text-align: left; }
img { max-width: 100%; } code { overflow-wrap: anywhere; } :root { color-scheme: light dark; }
"""


def files(folder: Path) -> list[Path]:
    """What `write_report` may write."""
    return [folder / name for name in ("report.html", "gallery.png", "reliability.png")]


def is_own(path: Path) -> bool:
    """Whether a file is part of an earlier report."""
    return is_signed(path, KIND)


def write_report(folder: Path, evaluation: Evaluation) -> None:
    """report.html, which holds everything, and its pictures, where there are such: gallery.png and reliability.png."""
    page, *places = files(folder)
    worst = encode_image(gallery(evaluation.record_set, evaluation.poses), ".png") if evaluation.poses else None
    plot = reliability_plot(evaluation.report) if "reliability" in evaluation.report else None
    for place, picture in zip(places, (worst, plot), strict=True):
        if picture:
            write_atomically(place, signed(picture, KIND))
    write_atomically(page, to_html(evaluation.report, worst, plot).encode(errors="backslashreplace"))


def gallery(record_set: RecordSet, poses: Sequence[Pose], count: int = 24) -> RGB:
    """The people with the largest errors, worst first: annotations left, poses right."""
    worst = np.argsort(-errors(record_set, poses), kind="stable")[:count]
    tiles = []
    for i in worst:
        record = record_set.records[i]
        image = read_image(record.image_path)
        tiles += [draw_poses(image, [pose], record_set.skeleton) for pose in (annotated(record), poses[i])]
    return contact_sheet(tiles, columns=6, tile=200)


def reliability_plot(report: Report) -> bytes:
    """A PNG file: for each tenth of the score range, the share of right keypoints over their mean score."""
    tenths = report["reliability"]
    score, right, count = (np.array([tenth[key] for tenth in tenths]) for key in ("score", "right", "keypoints"))
    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.bar(score, count / count.sum(), width=0.06, color="0.85", label="share of the keypoints")
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    axes.plot(score, right, marker="o", label="of them right")
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="score, mean of each tenth")
    axes.legend(loc="upper left", frameon=False)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=110)
    return png.getvalue()


def to_html(report: Report, worst: bytes | None = None, reliability: bytes | None = None) -> str:
    """One page without scripts or foreign hosts. `worst`, `reliability`: the gallery's PNG file and the plot's."""
    title = f"{report['metric']} of {report['model']['file']}"
    how = {
        "mean": percent(report["mean"]),
        "people": str(report["people"]),
        "boxes": report["boxes"],
        "flip test": "yes" if report["flip"] else "no",
        "decoder": report["decoder"],
        "engine": report["engine"],
        "model, sha256": report["model"]["sha256"],
        "data": report["data"]["file"],
        "data, sha256": report["data"]["sha256"],
    }
    parts = [_table(list(how.items())), *(f"<h2>{escape(name)}</h2>{_table(rows)}" for name, rows in tables(report))]
    if reliability:
        parts.append(_picture("how many keypoints are right, by their score", reliability))
    if worst:
        parts.append("<h2>Worst cases</h2><p>Annotation left, pose right; worst first.</p>")
        parts.append(_picture("the people with the largest errors", worst))
    return (
        f'<!doctype html><!-- {signature(KIND)} --><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style><h1>{escape(title)}</h1>{''.join(parts)}</html>\n"
    )


def tables(report: Report) -> list[tuple[str, Table]]:
    """The report's numbers as named tables of (row, number), in percent unless the row says otherwise."""
    named = {"per keypoint": "per_keypoint", "COCO": "coco", "by size": "by_size", "decoders": "decoders"}
    found = [
        (name, [(row, percent(share)) for row, share in report[key].items()])
        for name, key in named.items()
        if key in report
    ]
    if "reliability" in report:
        rows = [(_tenth(tenth), percent(100 * tenth["right"])) for tenth in report["reliability"]]
        found.append(("right, by score", rows))
    if "covered" in report:
        people = report["covered"][0]["people"]
        found.append((f"of {people} people with a right pose", [_covered(row) for row in report["covered"]]))
    if "empty" in report:
        empty = report["empty"]
        found.append(
            (
                f"people or not, {empty['photos']} photos without any",
                [
                    (f"with somebody shown, person score {empty['threshold']:.2f}", f"{empty['shown']}"),
                    ("AUROC of the person score, 0 to 1", f"{empty['auroc']:.3f}"),
                    ("median person score of people, 0 to 1", f"{empty['median_with_person']:.2f}"),
                    ("and of what is found in those photos", f"{empty['median_without']:.2f}"),
                ],
            )
        )
    return found


def _covered(row: Mapping[str, float]) -> tuple[str, str]:
    return f"scored {row['threshold']:.2f}, {row['answers']:.2f} answers for each", percent(row["covered"])


def _tenth(tenth: Mapping[str, float]) -> str:
    return f"scored {tenth['score']:.2f} in the mean ({tenth['keypoints']})"


def percent(share: float | None) -> str:
    return "no label" if share is None else f"{share:.1f}"


def _picture(what: str, png: bytes) -> str:
    return f'<img alt="{what}" src="data:image/png;base64,{base64.b64encode(png).decode()}">'


def _table(rows: Table) -> str:
    return f"<table>{''.join(f'<tr><td>{escape(a)}</td><td>{escape(b)}</td></tr>' for a, b in rows)}</table>"
