"""`unipose train [config.yaml] [section.key=value ...]`: train a network; without arguments, on a drawn sample set."""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from unipose import __version__
from unipose.augment import Appearance, RandomAffine
from unipose.checkpoint import build_network
from unipose.config import AugmentConfig, Config, DataConfig, ModelConfig, TrainConfig, read_config, to_dict
from unipose.dataset import PoseDataset
from unipose.engine import Trainer, parameter_groups, warmup_cosine
from unipose.job import Job, ema, has_bf16
from unipose.loss import LOSSES
from unipose.records import RecordSet, read_records
from unipose.sample import draw_sample
from unipose.skeleton import Skeleton
from unipose.spec import ModelSpec

SAMPLE_CONFIG = Config(
    model=ModelConfig(
        name="sample", trunk="res2net_s", multi_grid=(1, 1, 1), wasp_channels=128, wasp_rates=(1, 2, 3),
        decoder_channels=96, dropout=0.0, input_wh=(96, 96), sigma=1.5,
    )
)  # fmt: skip
"""What trains without arguments: small enough for minutes on two cores."""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="unipose train", description=__doc__)
    parser.add_argument("config", nargs="*", help="a YAML file (configs/ has some) and section.key=value overrides")
    parser.add_argument("--resume", action="store_true", help="go on from the run's last checkpoint")
    arguments = parser.parse_intermixed_args(argv)  # --resume may stand anywhere
    files = [word for word in arguments.config if "=" not in word]
    overrides = [word for word in arguments.config if "=" in word]
    try:
        if len(files) > 1:
            raise ValueError(f"one configuration file at most, got {', '.join(files)}")
        train(
            read_config(files[0] if files else None, overrides, Config() if files else SAMPLE_CONFIG), arguments.resume
        )
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def train(config: Config, resume: bool = False) -> None:
    """Run a configuration to its end; the run's folder then holds config.json, log.jsonl, last.pt and model files.

    Raises ValueError and OSError before the first step for what does not fit, and ValueError with the images' names
    where the loss is not finite.
    """
    run, console = config.train.run, Console()
    if (run / "last.pt").exists() and not resume:
        raise ValueError(f"{run} already holds a run: add --resume to go on with it, or choose another train.run=")
    training, validation = read_data(config.data, run / "data", console)
    job = compose(config, training, validation)
    done = job.restore(run / "last.pt") if resume else 0
    run.mkdir(parents=True, exist_ok=True)
    (run / "config.json").write_text(json.dumps(to_dict(config), indent=1))

    with Progress(
        TextColumn("epoch {task.fields[epoch]}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(), console=console, disable=not console.is_terminal,
    ) as bar:  # fmt: skip
        steps = len(job.loader)
        task = bar.add_task("", total=steps * config.train.epochs, completed=steps * done, epoch=done + 1, note="")

        def on_step(loss: float, images: int) -> None:
            speed = (bar.tasks[task].speed or 0.0) * images
            bar.update(task, advance=1, note=f"loss {loss:.3f}  {speed:.1f} images/s")

        for epoch in range(done, config.train.epochs):
            bar.update(task, epoch=epoch + 1)
            line = job.epoch(epoch, on_step)
            if (epoch + 1) % config.train.validate_every == 0 or epoch + 1 == config.train.epochs:
                line |= job.validate()
            with (run / "log.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
            job.save(run, line)
            console.print("  ".join(f"{key} {value}" for key, value in line.items()), highlight=False)


def read_data(data: DataConfig, sample: Path, console: Console) -> tuple[list[RecordSet], RecordSet | None]:
    """The training sets and the validation set; the sample set, drawn into `sample`, where none is named.

    Raises ValueError where their skeletons differ.
    """
    paths, val = data.train, data.val
    if not paths:
        if not (sample / "train.json").exists():
            console.print(f"drawing the sample set into {sample}")
            draw_sample(sample)
        paths, val = (sample / "train.json",), sample / "test.json"
    training = [read_records(path) for path in paths]
    validation = read_records(val) if val else None
    for other in [*training, *([validation] if validation else [])]:
        if other.skeleton.keypoints != training[0].skeleton.keypoints:
            raise ValueError(f"{other.path} has skeleton {other.skeleton.name}, {paths[0]} {training[0].skeleton.name}")
    return training, validation


def compose(config: Config, training: Sequence[RecordSet], validation: RecordSet | None) -> Job:
    """All wiring in one place. Raises ValueError for a network or sizes that do not fit."""
    t = config.train
    torch.manual_seed(t.seed)
    if t.threads:
        torch.set_num_threads(t.threads)
    device = torch.device(t.device if t.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu")
    spec = make_spec(config.model, training[0].skeleton, LOSSES[t.loss].activation, provenance(t, training))
    records = [record for records in training for record in records.records]
    if len(records) < t.batch_size:
        raise ValueError(f"{len(records)} people do not fill a batch of {t.batch_size}: lower train.batch_size")

    dataset = PoseDataset(records, spec, random_affine(config.augment), Appearance(config.augment.appearance), t.seed)
    loader = DataLoader(
        dataset, t.batch_size, shuffle=True, num_workers=t.workers, drop_last=True, pin_memory=device.type == "cuda"
    )
    network = build_network(spec).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(parameter_groups(network, t.weight_decay), lr=t.lr)
    warmup, total = max(1, round(t.warmup_epochs * len(loader))), t.epochs * len(loader)
    schedule = LambdaLR(optimizer, partial(warmup_cosine, warmup=warmup, total=total))
    average = AveragedModel(network, avg_fn=partial(ema, t.ema_decay), use_buffers=True) if t.ema_decay else None
    amp = t.amp and has_bf16(device)
    trainer = Trainer(network, LOSSES[t.loss], optimizer, schedule, average, device, amp, t.clip_norm)
    return Job(trainer, dataset, loader, spec, validation)


def random_affine(a: AugmentConfig) -> RandomAffine:
    return RandomAffine(a.scale, a.rotation, a.rotation_probability, a.shift, a.flip)


def make_spec(m: ModelConfig, skeleton: Skeleton, activation: str, provenance: dict[str, object]) -> ModelSpec:
    network = {
        "trunk": m.trunk, "output_stride": m.output_stride, "multi_grid": list(m.multi_grid),
        "wasp_channels": m.wasp_channels, "wasp_rates": m.wasp_rates and list(m.wasp_rates),
        "wasp_shared": m.wasp_shared, "decoder_channels": m.decoder_channels, "dropout": m.dropout,
        "activation": activation,
    }  # fmt: skip
    return ModelSpec(
        name=m.name, version=__version__, skeleton=skeleton, input_wh=m.input_wh, stride=m.decoder_stride,
        sigma=m.sigma, margin=m.margin, mean=m.mean, std=m.std, network=network, provenance=provenance,
    )  # fmt: skip


def provenance(t: TrainConfig, training: Sequence[RecordSet]) -> dict[str, object]:
    """What the weights were made from, for the model file."""
    data = [
        {"file": "/".join(records.path.parts[-2:]), "people": len(records.records),
         "sha256": hashlib.sha256(records.path.read_bytes()).hexdigest()}
        for records in training
    ]  # fmt: skip
    return {"data": data, "seed": t.seed, "epochs": t.epochs, "batch_size": t.batch_size, "loss": t.loss, "lr": t.lr}


if __name__ == "__main__":
    raise SystemExit(main())
