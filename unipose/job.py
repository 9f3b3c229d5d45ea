"""Job: one training's objects, and the moments of its life: an epoch, a validation, a checkpoint."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from unipose.checkpoint import deployed, load_state, save_model, save_state
from unipose.dataset import PoseDataset
from unipose.engine import NonFiniteLoss, Trainer
from unipose.evaluation import DEFAULT_METRIC, predict_records, summarise
from unipose.predictor import Predictor
from unipose.records import RecordSet
from unipose.runtime import Torch
from unipose.spec import ModelSpec

Line = dict[str, Any]  # one line of log.jsonl


@dataclass
class Job:
    """`best` is the highest validation so far."""

    trainer: Trainer
    dataset: PoseDataset
    loader: DataLoader[Any]
    spec: ModelSpec
    validation: RecordSet | None
    best: float = float("-inf")

    @property
    def network(self) -> nn.Module:
        """The weights to evaluate and to keep."""
        average = self.trainer.average
        return average.module if average else self.trainer.network

    def epoch(self, epoch: int, on_step: Callable[[float, int], None]) -> Line:
        """Train for one pass; `on_step(loss, images)` after each batch.

        What is random (order, augmentation, dropout) depends on the seed and the epoch alone. Raises ValueError with
        the images' names where the loss is not finite.
        """
        self.dataset.epoch = epoch
        torch.manual_seed((self.dataset.seed << 20) + epoch)
        began = perf_counter()
        try:
            loss = self.trainer.epoch(self.loader, on_step)
        except NonFiniteLoss as error:
            names = ", ".join(sorted({str(self.dataset.records[i].image_path) for i in error.indices}))
            raise ValueError(f"{error} on a batch of these images; try a lower train.lr: {names}") from error
        seconds = perf_counter() - began
        speed = len(self.loader) * (self.loader.batch_size or 1) / seconds
        return {
            "epoch": epoch + 1,
            "loss": round(loss, 4),
            "lr": self.trainer.schedule.get_last_lr()[0],
            "images_per_s": round(speed, 1),
            "seconds": round(seconds, 1),
        }

    def validate(self) -> Line:
        """The data's own metric of the kept weights, by the Predictor that serves them; {} without data."""
        if self.validation is None:
            return {}
        runtime = Torch.of_module(deployed(self.network, self.spec), self.spec, str(self.trainer.device))
        poses = predict_records(Predictor(runtime), self.validation)
        summary = summarise(DEFAULT_METRIC[self.validation.skeleton.name], self.validation, poses)
        return {"metric": summary["metric"], "validation": round(summary["mean"], 2)}

    def save(self, run: Path, line: Line) -> None:
        """last.pt to resume from, last.safetensors and, when the validation is the best so far, best.safetensors."""
        save_model(run / "last.safetensors", self.network.state_dict(), self.spec)
        if line.get("validation", float("-inf")) > self.best:
            self.best = line["validation"]
            save_model(run / "best.safetensors", self.network.state_dict(), self.spec)
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        save_state(run / "last.pt", {"epoch": line["epoch"], "best": self.best, **parts})

    def restore(self, path: Path) -> int:
        """-> the number of epochs done. Raises FileNotFoundError, and ValueError for another network's state."""
        state = load_state(path)
        try:
            for name, part in self._parts().items():
                part.load_state_dict(state[name])
        except (RuntimeError, KeyError) as error:
            raise ValueError(f"{path} is of another configuration: {error}") from error
        self.best = state["best"]
        return int(state["epoch"])

    def _parts(self) -> dict[str, Any]:
        t = self.trainer
        parts = {"network": t.network, "optimizer": t.optimizer, "schedule": t.schedule, "average": t.average}
        return {name: part for name, part in parts.items() if part is not None}


def ema(decay: float, averaged: Tensor, current: Tensor, updates: Tensor | int) -> Tensor:
    """Exponential moving average, quicker at first, so that the random start is soon forgotten."""
    if not averaged.is_floating_point():
        return current
    return averaged.lerp(current, 1 - min(decay, (1 + int(updates)) / (10 + int(updates))))


def has_bf16(device: torch.device) -> bool:
    """Whether bf16 is worth using: the processor's own units, not an emulation."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
