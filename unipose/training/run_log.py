"""RunLog: what a run's folder shows of a training: its environment, log.jsonl, curves, TensorBoard, predictions.jpg."""

import json
from collections.abc import Sequence
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter

from unipose.core.boxes import Detections
from unipose.core.draw import COLOURS, MIN_SCORE, PEOPLE, contact_sheet, draw_boxes, draw_poses
from unipose.core.files import write_atomically
from unipose.core.image import encode_image, read_image
from unipose.core.pose import Pose
from unipose.core.signature import signed
from unipose.core.types import RGB, Json
from unipose.datasets.records import RecordSet

LogLine = dict[str, Any]
"""What log.jsonl says of an epoch."""

KIND = "run"  # of files, by their signature
PICTURES = 16  # in predictions.jpg


def require_spelling(folder: Path) -> None:
    """Raises ValueError for a run's folder that TensorBoard, which spells names in UTF-8, cannot write to."""
    try:
        str(folder).encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{folder}: in this locale TensorBoard writes to folders of ASCII names alone; choose another train.run=, "
            "or a UTF-8 locale, as LC_ALL=C.UTF-8"
        ) from error


class RunLog:
    """The log in a run's folder, rewritten after each epoch, so that a resumed run's log has every epoch once."""

    def __init__(self, folder: Path):
        self.folder = folder

    def read(self) -> list[LogLine]:
        """The lines of the epochs done; none where nothing is."""
        path = self.folder / "log.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []

    def write(self, lines: Sequence[LogLine]) -> None:
        text = "".join(json.dumps(line) + "\n" for line in lines)
        write_atomically(self.folder / "log.jsonl", text.encode())
        png = BytesIO()
        curves(lines).savefig(png, format="png", dpi=110)
        write_atomically(self.folder / "curves.png", signed(png.getvalue(), KIND))
        # One file per epoch: purge_step hides what an interrupted run may have written of this epoch or later ones.
        with SummaryWriter(str(self.folder / "tensorboard"), purge_step=lines[-1]["epoch"]) as board:
            for name in ("loss", "lr", "validation", "images_per_s"):
                if name in lines[-1]:
                    board.add_scalar(name, lines[-1][name], lines[-1]["epoch"])

    def write_environment(self, epoch: int, environment: Json) -> None:
        """environment.jsonl: what the training ran on, from each `epoch` on at which it was started."""
        path = self.folder / "environment.jsonl"
        before = path.read_text(encoding="utf-8").splitlines() if epoch > 1 and path.exists() else []
        lines = [line for line in before if json.loads(line)["epoch"] < epoch]
        lines.append(json.dumps({"epoch": epoch, **environment}))
        write_atomically(path, "".join(f"{line}\n" for line in lines).encode())

    def write_predictions(self, pictures: Sequence[RGB]) -> None:
        """predictions.jpg: pictures of the validation set, in a grid."""
        write_atomically(self.folder / "predictions.jpg", signed(encode_image(contact_sheet(pictures)), KIND))


def pose_pictures(record_set: RecordSet, poses: Sequence[Pose], count: int = PICTURES) -> list[RGB]:
    """The first images with records, with the pose predicted for each record."""
    by_image: dict[Path, list[Pose]] = {}
    for record, pose in zip(record_set.records, poses, strict=True):
        by_image.setdefault(record.image_path, []).append(pose)
    return [
        draw_poses(read_image(path), people, record_set.skeleton) for path, people in islice(by_image.items(), count)
    ]


def box_pictures(record_set: RecordSet, found: Sequence[Detections], count: int = PICTURES) -> list[RGB]:
    """The first images, with the labelled boxes in white and over them those found in each that score MIN_SCORE."""
    pictures = []
    for (image_id, path), people in islice(zip(record_set.images.items(), found, strict=True), count):
        picture = read_image(path)
        if image_id in record_set.boxes:
            picture = draw_boxes(picture, record_set.boxes[image_id].boxes_xyxy, PEOPLE[0])
        assert people.scores is not None
        pictures.append(draw_boxes(picture, people.boxes_xyxy[people.scores >= MIN_SCORE], COLOURS["right"]))
    return pictures


def curves(lines: Sequence[LogLine]) -> Figure:
    """Loss and validation metric over epochs."""
    figure = Figure(figsize=(8, 3), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss", "validation"), strict=True):
        known = [line for line in lines if name in line]
        axes.plot([line["epoch"] for line in known], [line[name] for line in known], marker=".")
        axes.set(xlabel="epoch", title=next((line["metric"] for line in known if name == "validation"), name))
        axes.grid(alpha=0.3)
    return figure
