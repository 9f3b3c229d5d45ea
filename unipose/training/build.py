"""Compose: a configuration to a Job; all wiring of a training in one place."""

import os
from collections.abc import Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import cast

import cv2
import torch
from rich.console import Console
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from unipose import __version__
from unipose.core.files import sha256
from unipose.core.model_spec import ModelSpec
from unipose.core.skeleton import Skeleton
from unipose.datasets.records import RecordSet, read_records
from unipose.datasets.synthetic.images import draw_sample
from unipose.modeling.checkpoint import build_network, start_from
from unipose.modeling.pretrained import load_pretrained
from unipose.modeling.unipose_lstm import UniPoseLSTM
from unipose.training import distributed
from unipose.training.augment import Appearance, RandomAffine
from unipose.training.config import AugmentConfig, Config, DataConfig, ModelConfig, TrainConfig, read_config
from unipose.training.dataset import PoseDataset
from unipose.training.loop import Trainer
from unipose.training.loss import LOSSES
from unipose.training.optim import OPTIMIZERS, factor, parameter_groups
from unipose.training.run import Job, ema

SAMPLE_CONFIG = Config(
    model=ModelConfig(
        name="sample", trunk="res2net_s", multi_grid=(1, 1, 1), wasp_channels=128, wasp_rates=(1, 2, 3),
        decoder_channels=96, dropout=0.0, input_wh=(96, 96), sigma=1.5,
    ),
    augment=AugmentConfig(scale=(0.85, 1.2), rotation=15, shift=0.05, appearance=0, occlusion=0),
    train=TrainConfig(epochs=8, batch_size=16, ema_decay=0.99),
)  # fmt: skip
"""What trains without arguments: small enough for minutes on two cores."""


def configure(words: Sequence[str]) -> Config:
    """A command's words to a configuration: at most one YAML file, and section.key=value overrides.

    Without a file it is the sample set's. Raises ValueError, and OSError where the file cannot be read.
    """
    files = [word for word in words if "=" not in word]
    if len(files) > 1:
        raise ValueError(f"one configuration file at most, got {', '.join(files)}")
    overrides = [word for word in words if "=" in word]
    return read_config(files[0] if files else None, overrides, Config() if files else SAMPLE_CONFIG)


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


def compose(config: Config, training: Sequence[RecordSet], validation: RecordSet | None, device: torch.device) -> Job:
    """All wiring in one place. Raises ValueError for a network or sizes that do not fit."""
    t, skeleton = config.train, training[0].skeleton
    torch.manual_seed(t.seed)
    if t.threads:
        torch.set_num_threads(t.threads)
    spec = make_spec(config.model, skeleton, LOSSES[t.loss].activation, provenance(config, training))

    appearance = Appearance(config.augment.appearance, config.augment.occlusion)
    dataset = make_dataset(config, training, spec, random_affine(config.augment), appearance)
    batches = distributed.Batches(len(dataset), t.batch_size, t.seed)
    loader = DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=t.workers,
        pin_memory=device.type == "cuda",
        worker_init_fn=aside if device.type == "cpu" else one_thread,
    )
    plain = build_network(spec)
    if config.model.pretrained:
        frame = plain.frame if isinstance(plain, UniPoseLSTM) else plain
        load_pretrained(frame.trunk, config.model.trunk, config.model.pretrained)
    if config.model.start:
        start_from(plain, config.model.start, skeleton)
    if config.model.lstm_alone:
        if not (isinstance(plain, UniPoseLSTM) and config.model.start):
            raise ValueError("model.lstm_alone needs model.lstm_channels, and model.start for what stays as it is")
        plain.freeze()
    plain = plain.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    network = distributed.share(plain, device)
    optimizer = OPTIMIZERS[t.optimizer](parameter_groups(plain, t.weight_decay), t.lr, t.momentum)
    steps = max(1, len(batches) // t.accumulate)
    warmup = max(1, round(t.warmup_epochs * steps))
    schedule = LambdaLR(optimizer, partial(factor, course=t.schedule, warmup=warmup, total=t.epochs * steps))
    average = AveragedModel(plain, avg_fn=partial(ema, t.ema_decay), use_buffers=True) if t.ema_decay else None
    trainer = Trainer(
        network=cast(nn.Module, torch.compile(network)) if t.compile else network,
        plain=plain,
        loss=LOSSES[t.loss],
        optimizer=optimizer,
        schedule=schedule,
        average=average,
        device=device,
        precision=PRECISIONS[t.precision] or (torch.bfloat16 if distributed.has_bf16(device) else torch.float32),
        joint_weights=joint_weights(skeleton, t.joint_weights).to(device),
        clip_norm=t.clip_norm,
        accumulate=t.accumulate,
    )
    return Job(trainer, dataset, batches, loader, spec, validation, t.run)


def make_dataset(
    config: Config, training: Sequence[RecordSet], spec: ModelSpec, affine: RandomAffine, appearance: Appearance
) -> PoseDataset:
    """Of single frames or, for a network with memory, of windows. Raises ValueError for windows without a memory."""
    window, seed = config.data.window, config.train.seed
    records = [record for record_set in training for record in record_set.records]
    if window > 1 and not spec.state_channels:
        raise ValueError(f"data.window={window} needs a network with memory: set model.lstm_channels")
    return PoseDataset(records, spec, affine, appearance, seed, window if spec.state_channels else 0)


PRECISIONS = {"auto": None, "fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def one_thread(worker: int) -> None:
    """A loader's worker works beside the training: OpenCV's own threads would only take its cores."""
    cv2.setNumThreads(0)


def aside(worker: int) -> None:
    """Beside a training on the same cores, only in its pauses: each of its threads waits for the slowest."""
    one_thread(worker)
    if hasattr(os, "nice"):
        os.nice(19)


def joint_weights(skeleton: Skeleton, by_name: dict[str, float]) -> torch.Tensor:
    """(K,) float32. Raises ValueError for a name that is no keypoint, with the nearest one."""
    for name in by_name.keys() - set(skeleton.keypoints):
        nearest = get_close_matches(name, skeleton.keypoints, 1, 0.0)[0]
        raise ValueError(f"train.joint_weights: {skeleton.name} has no keypoint {name!r}; did you mean {nearest!r}?")
    return torch.tensor([by_name.get(name, 1.0) for name in skeleton.keypoints])


def random_affine(a: AugmentConfig) -> RandomAffine:
    return RandomAffine(
        scale=a.scale, rotation=a.rotation, rotation_probability=a.rotation_probability, shift=a.shift, flip=a.flip,
        half_body=a.half_body,
    )  # fmt: skip


def make_spec(m: ModelConfig, skeleton: Skeleton, activation: str, provenance: dict[str, object]) -> ModelSpec:
    network = {
        "trunk": m.trunk, "output_stride": m.output_stride, "multi_grid": list(m.multi_grid),
        "wasp_channels": m.wasp_channels, "wasp_rates": m.wasp_rates and list(m.wasp_rates),
        "wasp_shared": m.wasp_shared, "decoder_channels": m.decoder_channels, "dropout": m.dropout,
        "activation": activation,
    }  # fmt: skip
    if m.lstm_channels:
        network |= {"lstm_channels": m.lstm_channels, "lstm_kernel": m.lstm_kernel}
    return ModelSpec(
        name=m.name, version=__version__, skeleton=skeleton, input_wh=m.input_wh, stride=m.decoder_stride,
        sigma=m.sigma, margin=m.margin, mean=m.mean, std=m.std, network=network, provenance=provenance,
    )  # fmt: skip


def provenance(config: Config, training: Sequence[RecordSet]) -> dict[str, object]:
    """What the weights were made from, for the model file."""
    m, t = config.model, config.train
    data = [
        {"file": "/".join(records.path.parts[-2:]), "people": len(records.records), "sha256": sha256(records.path)}
        for records in training
    ]
    return {
        "pretrained": m.pretrained,
        "start": m.start and {"file": Path(m.start).name, "sha256": sha256(Path(m.start))},
        "data": data,
        "window": config.data.window,
        "seed": t.seed,
        "epochs": t.epochs,
        "batch_size": t.batch_size,
        "loss": t.loss,
        "lr": t.lr,
    }
