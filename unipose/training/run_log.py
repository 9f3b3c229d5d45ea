"""Journal: a run's folder as people read it: log.jsonl, curves.png, TensorBoard, pictures of predictions."""

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

Line = dict[str, Any]  # one epoch: a line of log.jsonl


class Journal:
    """Written anew after each epoch from `lines`, so that a resumed run's log has every epoch once."""

    def __init__(self, run: Path):
        self.run = run

    def write(self, lines: Sequence[Line]) -> None:
        text = "".join(json.dumps(line) + "\n" for line in lines)
        write_atomically(self.run / "log.jsonl", text.encode())
        write_atomically(self.run / "curves.png", lambda part: curves(lines).savefig(part, format="png", dpi=110))
        # One file per epoch: purge_step hides what an interrupted run may have written of this and later epochs.
        with SummaryWriter(str(self.run / "tensorboard"), purge_step=lines[-1]["epoch"]) as board:
            for name in ("loss", "lr", "validation", "images_per_s"):
                if name in lines[-1]:
                    board.add_scalar(name, lines[-1][name], lines[-1]["epoch"])

    def show(self, record_set: RecordSet, poses: Sequence[Pose], count: int = 16) -> None:
        """predictions.jpg: the first records with the poses found in them."""
        pairs = list(zip(record_set.records, poses, strict=True))[:count]
        tiles = [draw_poses(read_image(r.image_path), [pose], record_set.skeleton) for r, pose in pairs]
        write_atomically(self.run / "predictions.jpg", encode_image(contact_sheet(tiles)))


def curves(lines: Sequence[Line]) -> Figure:
    """Loss and validation over epochs."""
    figure = Figure(figsize=(8, 3), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss", "validation"), strict=True):
        known = [line for line in lines if name in line]
        axes.plot([line["epoch"] for line in known], [line[name] for line in known], marker=".")
        axes.set(xlabel="epoch", title=next((line["metric"] for line in known if name == "validation"), name))
        axes.grid(alpha=0.3)
    return figure
