"""`unipose train [config.yaml] [section.key=value ...]`: train a network; without arguments, on the drawn sample set."""

import argparse
import json
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from unipose import __version__
from unipose.augment import Appearance, RandomAffine
from unipose.checkpoint import build_network, deployed, load_state, save_model, save_state
from unipose.config import Config, ModelConfig, read_config, to_dict
from unipose.dataset import PoseDataset
from unipose.engine import NonFiniteLoss, Trainer, parameter_groups, warmup_cosine
from unipose.evaluation import DEFAULT_METRIC, METRIC_NAMES, predict_records, summarise
from unipose.loss import LOSSES
from unipose.predictor import Predictor
from unipose.records import RecordSet, read_records
from unipose.runtime import Torch
from unipose.sample import draw_sample
from unipose.skeleton import Skeleton
from unipose.spec import ModelSpec

SAMPLE_CONFIG = Config(
    model=ModelConfig(
        name="sample", trunk="res2net_s", wasp_channels=128, wasp_rates=(1, 2, 3), decoder_channels=96, dropout=0.1,
        multi_grid=(1, 1, 1), input_wh=(96, 96), sigma=1.5,
    )
)  # fmt: skip
"""What trains without arguments: small enough for minutes on two cores."""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="unipose train", description=__doc__)
    parser.add_argument("config", nargs="*", help="a YAML file (configs/ has some) and section.key=value overrides")
    parser.add_argument("--resume", action="store_true", help="go on from the run's last checkpoint")
    arguments = parser.parse_args(argv)
    files = [word for word in arguments.config if "=" not in word]
    overrides = [word for word in arguments.config if "=" in word]
    try:
        if len(files) > 1:
            raise ValueError(f"one configuration file at most, got {', '.join(files)}")
        config = read_config(files[0] if files else None, overrides, SAMPLE_CONFIG if not files else Config())
        train(config, arguments.resume)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def train(config: Config, resume: bool = False) -> None:
    """Run a configuration to its end; the run's folder then holds config.json, log.jsonl, last.pt and model files.

    Raises ValueError and OSError before the first step for what does not fit, and ValueError
    with the images' names where the loss is not finite.
    """
    run, console = config.train.run, Console()
    if (run / "last.pt").exists() and not resume:
        raise ValueError(f"{run} already holds a run: add --resume to go on with it, or choose another train.run=")
    training, validation = _read_data(config, console)
    spec = make_spec(config.model, training[0].skeleton, LOSSES[config.train.loss].activation)
    job = Job.start(config, spec, [record for records in training for record in records.records])
    first_epoch = job.restore(run / "last.pt") if resume else 0
    run.mkdir(parents=True, exist_ok=True)
    (run / "config.json").write_text(json.dumps(to_dict(config), indent=1))

    with Progress(
        TextColumn("epoch {task.fields[epoch]}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(), console=console, disable=not console.is_terminal,
    ) as bar:  # fmt: skip
        for epoch in range(first_epoch, config.train.epochs):
            line = job.epoch(epoch, bar)
            due = (epoch + 1) % config.train.validate_every == 0 or epoch + 1 == config.train.epochs
            if validation and due:
                line |= job.validate(validation)
            job.save(run, epoch, line)
            with (run / "log.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
            console.print(" ".join(f"{key} {value}" for key, value in line.items() if not isinstance(value, dict)))


def make_spec(model: ModelConfig, skeleton: Skeleton, activation: str) -> ModelSpec:
    network = {
        key: getattr(model, key) if not isinstance(getattr(model, key), tuple) else list(getattr(model, key))
        for key in ("trunk", "output_stride", "multi_grid", "wasp_channels", "wasp_rates", "wasp_shared",
                    "decoder_channels", "dropout")
    }  # fmt: skip
    return ModelSpec(
        name=model.name, version=__version__, skeleton=skeleton, input_wh=model.input_wh, stride=model.decoder_stride,
        sigma=model.sigma, margin=model.margin, mean=model.mean, std=model.std,
        network={**network, "activation": activation},
    )  # fmt: skip


@dataclass
class Job:
    """The objects of one training, and the moments of its life: an epoch, a validation, a checkpoint."""

    trainer: Trainer
    loader: DataLoader[Any]
    dataset: PoseDataset
    spec: ModelSpec
    best: float = float("-inf")

    @classmethod
    def start(cls, config: Config, spec: ModelSpec, records: list[Any]) -> "Job":
        t = config.train
        torch.manual_seed(t.seed)
        if t.threads:
            torch.set_num_threads(t.threads)
        device = torch.device(t.device if t.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu")
        network = build_network(spec).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        a = config.augment
        affine = RandomAffine(a.scale, a.rotation, a.rotation_probability, a.shift, a.flip)
        dataset = PoseDataset(records, spec, affine, Appearance(a.appearance), t.seed)
        if len(dataset) < t.batch_size:
            raise ValueError(f"{len(dataset)} people do not fill a batch of {t.batch_size}: lower train.batch_size")
        loader = DataLoader(
            dataset, t.batch_size, shuffle=True, num_workers=t.workers, drop_last=True,
            generator=torch.Generator().manual_seed(t.seed), pin_memory=device.type == "cuda",
        )  # fmt: skip
        optimizer = torch.optim.AdamW(parameter_groups(network, t.weight_decay), lr=t.lr)
        warmup, total = max(1, round(t.warmup_epochs * len(loader))), t.epochs * len(loader)
        schedule = LambdaLR(optimizer, partial(warmup_cosine, warmup=warmup, total=total))
        average = AveragedModel(network, avg_fn=partial(ema, t.ema_decay), use_buffers=True) if t.ema_decay else None
        amp = t.amp and has_bf16(device)
        trainer = Trainer(network, LOSSES[t.loss], optimizer, schedule, average, device, amp, t.clip_norm)
        return cls(trainer, loader, dataset, spec)

    @property
    def network(self) -> nn.Module:
        """The weights to evaluate and to keep."""
        return self.trainer.average.module if self.trainer.average else self.trainer.network

    def epoch(self, epoch: int, bar: Progress) -> dict[str, Any]:
        self.dataset.epoch = epoch
        torch.manual_seed((self.dataset.seed << 20) + epoch)  # order and dropout depend on the epoch alone
        self.loader.generator.manual_seed((self.dataset.seed << 20) + epoch)  # type: ignore[union-attr]
        began, losses = perf_counter(), [0.0, 0]
        task = bar.add_task("", total=len(self.loader), epoch=epoch + 1, note="")

        def on_step(loss: float, images: int) -> None:
            losses[0], losses[1] = (losses[0] * 0.98 + loss * 0.02) if losses[1] else loss, losses[1] + images
            speed = losses[1] / (perf_counter() - began)
            bar.update(task, advance=1, note=f"loss {losses[0]:.3f}  {speed:.1f} images/s")

        try:
            loss = self.trainer.epoch(self.loader, on_step)
        except NonFiniteLoss as error:
            names = ", ".join(sorted({str(self.dataset.records[i].image_path) for i in error.indices}))
            raise ValueError(f"{error} on a batch of these images, try a lower train.lr: {names}") from error
        bar.remove_task(task)
        seconds = perf_counter() - began
        return {
            "epoch": epoch + 1, "loss": round(loss, 4), "lr": self.trainer.schedule.get_last_lr()[0],
            "images_per_s": round(losses[1] / seconds, 1), "seconds": round(seconds, 1),
        }  # fmt: skip

    def validate(self, record_set: RecordSet) -> dict[str, Any]:
        runtime = Torch.of_module(deployed(self.network, self.spec), self.spec, self.trainer.device)
        poses = predict_records(Predictor(runtime), record_set)
        summary = summarise(DEFAULT_METRIC[record_set.skeleton.name], record_set, poses)
        return {summary["metric"]: round(summary["mean"], 2)}

    def save(self, run: Path, epoch: int, line: dict[str, Any]) -> None:
        """last.pt to resume from, last.safetensors and, when the validation is the best so far, best.safetensors."""
        measure = next((value for key, value in line.items() if key in METRIC_NAMES.values()), None)
        save_model(run / "last.safetensors", self.network.state_dict(), self.spec)
        if measure is not None and measure > self.best:
            self.best = measure
            save_model(run / "best.safetensors", self.network.state_dict(), self.spec)
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        save_state(run / "last.pt", {"epoch": epoch + 1, "best": self.best, **parts})

    def restore(self, path: Path) -> int:
        """-> the epoch to go on with. Raises FileNotFoundError, and ValueError for another network's state."""
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
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def _read_data(config: Config, console: Console) -> tuple[list[RecordSet], RecordSet | None]:
    paths, val = config.data.train, config.data.val
    if not paths:
        folder = config.train.run / "data"
        if not (folder / "train.json").exists():
            console.print(f"drawing the sample set into {folder}")
            draw_sample(folder)
        paths, val = (folder / "train.json",), folder / "test.json"
    training = [read_records(path) for path in paths]
    validation = read_records(val) if val else None
    for other in [*training, *([validation] if validation else [])]:
        if other.skeleton.keypoints != training[0].skeleton.keypoints:
            raise ValueError(f"{other.path} has skeleton {other.skeleton.name}, {paths[0]} {training[0].skeleton.name}")
    return training, validation


if __name__ == "__main__":
    raise SystemExit(main())
