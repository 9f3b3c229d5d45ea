"""RunLog: what a run's folder shows of the training: log.jsonl, curves.png, TensorBoard, predictions.jpg."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter

from unipose.core.draw import contact_sheet, draw_poses
from unipose.core.files import write_atomically
from unipose.core.image import encode_image, read_image
from unipose.core.pose import Pose
from unipose.datasets.records import RecordSet

LogLine = dict[str, Any]
"""What log.jsonl says of an epoch."""


class RunLog:
    """The log in a run's folder, rewritten after each epoch, so that a resumed run's log has every epoch once."""

    def __init__(self, folder: Path):
        self.folder = folder

    def write(self, lines: Sequence[LogLine]) -> None:
        text = "".join(json.dumps(line) + "\n" for line in lines)
        write_atomically(self.folder / "log.jsonl", text.encode())
        write_atomically(self.folder / "curves.png", lambda part: curves(lines).savefig(part, format="png", dpi=110))
        # One file per epoch: purge_step hides what an interrupted run may have written of this epoch or later ones.
        with SummaryWriter(str(self.folder / "tensorboard"), purge_step=lines[-1]["epoch"]) as board:
            for name in ("loss", "lr", "validation", "images_per_s"):
                if name in lines[-1]:
                    board.add_scalar(name, lines[-1][name], lines[-1]["epoch"])

    def write_predictions(self, record_set: RecordSet, poses: Sequence[Pose], count: int = 16) -> None:
        """predictions.jpg: the images of the first records, with their predicted poses."""
        pairs = list(zip(record_set.records, poses, strict=True))[:count]
        tiles = [draw_poses(read_image(r.image_path), [pose], record_set.skeleton) for r, pose in pairs]
        write_atomically(self.folder / "predictions.jpg", encode_image(contact_sheet(tiles)))


def curves(lines: Sequence[LogLine]) -> Figure:
    """Loss and validation metric over epochs."""
    figure = Figure(figsize=(8, 3), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss", "validation"), strict=True):
        known = [line for line in lines if name in line]
        axes.plot([line["epoch"] for line in known], [line[name] for line in known], marker=".")
        axes.set(xlabel="epoch", title=next((line["metric"] for line in known if name == "validation"), name))
        axes.grid(alpha=0.3)
    return figure
