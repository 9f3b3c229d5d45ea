"""Job: one training's objects, and the moments of its life: an epoch, a validation, a checkpoint."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from unipose.core.model_spec import ModelSpec
from unipose.datasets.records import RecordSet
from unipose.evaluation.predictions import predict_records
from unipose.evaluation.summary import default_metric, summarise
from unipose.inference.predictor import Predictor
from unipose.modeling.checkpoint import deployed, load_state, save_model, save_state
from unipose.runtime.engines import Torch
from unipose.training import distributed
from unipose.training.dataset import PoseDataset
from unipose.training.loop import NonFiniteLoss, Trainer
from unipose.training.run_log import Journal, Line


@dataclass
class Job:
    """`lines` are the epochs done; of several processes the first validates and writes."""

    trainer: Trainer
    dataset: PoseDataset
    batches: distributed.Batches
    loader: DataLoader[Any]
    spec: ModelSpec
    validation: RecordSet | None
    run: Path
    lines: list[Line] = field(default_factory=list)

    @property
    def network(self) -> nn.Module:
        """The weights to evaluate and to keep."""
        average = self.trainer.average
        return average.module if average else self.trainer.plain

    def epoch(self, on_batch: Callable[[float, int], None], validate: bool = True) -> Line:
        """Train for one pass, validate, write checkpoint and journal; `on_batch(loss, images)` after each batch.

        What is random (order, augmentation, dropout) depends on the seed and the epoch alone, so a resumed run goes on
        as if nothing had happened. Raises ValueError with the images' names where the loss is not finite.
        """
        epoch = len(self.lines)
        self.dataset.epoch = self.batches.epoch = epoch
        torch.manual_seed((self.dataset.seed << 20) + (epoch << 10) + distributed.rank())
        began = perf_counter()
        try:
            loss = self.trainer.epoch(self.loader, on_batch)
        except NonFiniteLoss as error:
            names = ", ".join(
                sorted({str(record.image_path) for i in error.indices for record in self.dataset.windows[i]})
            )
            raise ValueError(f"{error} on a batch of these images; try a lower train.lr: {names}") from error
        seconds = perf_counter() - began
        line = {
            "epoch": epoch + 1,
            "loss": round(loss, 4),
            "lr": self.trainer.schedule.get_last_lr()[0],
            "images_per_s": round(len(self.batches) * self.batches.batch_size * self.dataset.frames / seconds, 1),
            "seconds": round(seconds, 1),
        }
        self.lines.append(line)
        if distributed.rank() == 0:
            if validate and self.validation:
                line |= self.validate(self.validation)
            self.save()
        return line

    def validate(self, record_set: RecordSet) -> Line:
        """The set's own metric of the kept weights, by the Predictor that serves them, and a picture."""
        runtime = Torch.of_module(deployed(self.network, self.spec), self.spec, str(self.trainer.device))
        window = 1 if self.dataset.frames == 1 else 0  # what was never trained to remember need not
        poses = predict_records(Predictor(runtime), record_set, window=window)
        summary = summarise(default_metric(record_set), record_set, poses)
        self.run.mkdir(parents=True, exist_ok=True)
        Journal(self.run).show(record_set, poses)
        return {"metric": summary["metric"], "validation": round(summary["mean"], 2)}

    def save(self) -> None:
        """last.safetensors, best.safetensors after the best validation, last.pt to resume from, and the journal.

        Each file is written whole or not at all: a run killed at any moment resumes from the last epoch's last.pt.
        """
        save_model(self.run / "last.safetensors", self.network.state_dict(), self.spec)
        values = [line["validation"] for line in self.lines if "validation" in line]
        if "validation" in self.lines[-1] and values[-1] == max(values):
            save_model(self.run / "best.safetensors", self.network.state_dict(), self.spec)
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        save_state(self.run / "last.pt", {"lines": self.lines, **parts})
        Journal(self.run).write(self.lines)

    def restore(self) -> None:
        """Go on from last.pt. Raises FileNotFoundError, and ValueError for another network's state."""
        path = self.run / "last.pt"
        state = load_state(path)
        try:
            for name, part in self._parts().items():
                part.load_state_dict(state[name])
            self.lines = state["lines"]
        except (RuntimeError, KeyError, ValueError) as error:
            raise ValueError(f"{path} is of another configuration: {error}") from error

    def _parts(self) -> dict[str, Any]:
        t = self.trainer
        parts = {"network": t.plain, "optimizer": t.optimizer, "schedule": t.schedule, "average": t.average}
        return {name: part for name, part in parts.items() if part is not None} | {"scaler": t.scaler}


def ema(decay: float, averaged: Tensor, current: Tensor, updates: Tensor | int) -> Tensor:
    """Exponential moving average, quicker at first, so that the random start is soon forgotten."""
    if not averaged.is_floating_point():
        return current
    return averaged.lerp(current, 1 - min(decay, (1 + int(updates)) / (10 + int(updates))))
