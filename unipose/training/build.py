"""A TrainingRun from a configuration: all wiring of a training is here."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, cast

import cv2
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader

from unipose import __version__
from unipose.core.box_maps import MAPS
from unipose.core.files import sha256, text_of
from unipose.core.model_spec import ModelSpec
from unipose.core.skeleton import Skeleton
from unipose.datasets.records import RecordSet
from unipose.modeling.checkpoint import build_network, start_from
from unipose.modeling.pretrained import load_pretrained
from unipose.modeling.unipose import UniPose
from unipose.modeling.unipose_lstm import UniPoseLSTM
from unipose.training import distributed
from unipose.training.augment import Appearance, RandomAffine, RandomView
from unipose.training.config import AugmentConfig, Config, ModelConfig
from unipose.training.dataset import Batch, PoseDataset
from unipose.training.distillation import open_teacher
from unipose.training.finder_dataset import FinderDataset, labelled_images
from unipose.training.loop import READ_EVERY, Trainer
from unipose.training.loss import LOSSES
from unipose.training.optim import OPTIMIZERS, Average, lr_factor, parameter_groups
from unipose.training.precision import autocast_dtype
from unipose.training.resident import Plans, ResidentLoader, load_pictures
from unipose.training.run import TrainingRun
from unipose.training.sets import common_skeleton
from unipose.training.start import start_skeleton


def build_run(
    config: Config, training: Sequence[RecordSet], validation: RecordSet | None, device: torch.device
) -> TrainingRun:
    """The training run of a configuration. Raises ValueError for a network or sizes that do not fit."""
    t, finder, loss = config.train, config.model.kind == "finder", LOSSES[config.train.loss]
    if loss.kind != config.model.kind:
        raise ValueError(f"train.loss={t.loss} trains a {loss.kind}, and model.kind is {config.model.kind}")
    if finder and config.model.head == "simcc":
        raise ValueError("model.head=simcc says one point for each keypoint; a finder needs model.head=maps")
    skeleton = MAPS
    if not finder:
        training, skeleton = common_skeleton(config.data, training, validation, start_skeleton(config.model))
        if config.model.box_maps:
            training = [records.with_box() for records in training]
            skeleton = training[0].skeleton
    if t.compile and t.checkpointing:
        raise ValueError("train.checkpointing is for networks that are not compiled: leave it or train.compile out")
    torch.manual_seed(t.seed)
    if t.threads:
        torch.set_num_threads(t.threads)
    on_gpu = device.type == "cuda"
    if t.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # which cuBLAS needs for it
    torch.use_deterministic_algorithms(t.deterministic)
    torch.backends.cudnn.benchmark = on_gpu and not t.deterministic  # all batches have one size
    spec = make_spec(config.model, skeleton, loss.activation, provenance(config, training))

    appearance = Appearance(config.augment.appearance, config.augment.occlusion)
    dataset = (make_finder_dataset if finder else make_dataset)(config, training, spec, appearance)
    batch_sampler = distributed.DistributedBatchSampler(len(dataset), t.batch_size, t.seed)
    load: Callable[[Any], DataLoader[Any]] = partial(
        DataLoader,
        batch_sampler=batch_sampler,
        num_workers=t.workers,
        persistent_workers=t.workers > 0,
        pin_memory=on_gpu,
        worker_init_fn=init_worker if on_gpu else init_background_worker,
    )
    loader: Iterable[Batch] = load(dataset)
    if config.data.resident == "gpu":
        if not isinstance(dataset, PoseDataset):
            raise ValueError(
                "data.resident=gpu is for pose networks: a finder's pictures are read when they are needed"
            )
        plans = Plans(dataset)
        loader = ResidentLoader(load(plans), load_pictures(plans.paths, device), spec, dataset.with_time)
    unwrapped = build_network(spec)
    if finder:
        start_box_maps(cast(UniPose, unwrapped))
    frame = unwrapped.frame if isinstance(unwrapped, UniPoseLSTM) else unwrapped
    frame.trunk.checkpointing = t.checkpointing
    if config.model.pretrained:
        load_pretrained(frame.trunk, config.model.trunk, config.model.pretrained)
    if config.model.start:
        start_from(unwrapped, config.model.start, skeleton)
    if config.model.lstm_alone:
        if not (isinstance(unwrapped, UniPoseLSTM) and config.model.start):
            raise ValueError("model.lstm_alone needs model.lstm_channels, and model.start for what stays as it is")
        unwrapped.freeze()
    unwrapped = unwrapped.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    network = distributed.wrap_distributed(unwrapped, device)
    optimizer = OPTIMIZERS[t.optimizer](parameter_groups(unwrapped, t.weight_decay), t.lr, t.momentum, on_gpu)
    steps = max(1, len(batch_sampler) // t.accumulate)
    warmup = max(1, round(t.warmup_epochs * steps))
    if (t.schedule == "step") != bool(t.milestones):
        raise ValueError("train.milestones, of epochs or steps, belong to train.schedule=step, and it needs them")
    marks = [mark * (steps if t.milestone_unit == "epochs" else 1) for mark in t.milestones]
    factor = partial(
        lr_factor, schedule=t.schedule, warmup=warmup, total=t.epochs * steps, milestones=marks, gamma=t.gamma
    )
    trainer = Trainer(
        network=cast(nn.Module, torch.compile(network)) if t.compile else network,
        unwrapped=unwrapped,
        loss=loss,
        optimizer=optimizer,
        scheduler=LambdaLR(optimizer, factor),
        average=Average(unwrapped, t.ema_decay) if t.ema_decay else None,
        device=device,
        mean=spec.mean,
        std=spec.std,
        precision=autocast_dtype(t.precision, device),
        joint_weights=(torch.ones(1) if finder else joint_weights(skeleton, t.joint_weights)).to(device),
        clip_norm=t.clip_norm,
        accumulate=t.accumulate,
        read_every=READ_EVERY if on_gpu else 1,
        teacher=open_teacher(t.teacher, spec, t.teacher_weight, device) if t.teacher else None,
        total=t.epochs * steps,
    )
    return TrainingRun(trainer, dataset, batch_sampler, loader, spec, validation, t.run)


def make_dataset(config: Config, training: Sequence[RecordSet], spec: ModelSpec, appearance: Appearance) -> PoseDataset:
    """Single images or, for a recurrent network, windows of clips. Raises ValueError for windows for any other."""
    window, seed = config.data.window, config.train.seed
    records = [record for record_set in training for record in record_set.records]
    if window > 1 and not spec.state_channels:
        raise ValueError(f"data.window={window} needs a network with memory: set model.lstm_channels")
    affine = random_affine(config.augment)
    plain_from = config.train.epochs - config.augment.plain_epochs
    return PoseDataset(records, spec, affine, appearance, seed, window if spec.state_channels else 0, plain_from)


def make_finder_dataset(
    config: Config, training: Sequence[RecordSet], spec: ModelSpec, appearance: Appearance
) -> FinderDataset:
    """All images of the sets. Raises ValueError for a recurrent finder, and for sets without anybody."""
    if not any(record_set.boxes for record_set in training):
        raise ValueError(f"{', '.join(str(one.path) for one in training)}: has nobody's box, to learn from")
    if spec.state_channels or config.data.window > 1:
        raise ValueError("a finder sees single images: leave model.lstm_channels and data.window out")
    a = config.augment
    images = [image for record_set in training for image in labelled_images(record_set)]
    view = RandomView(a.scale, a.stretch, a.shift, a.flip)
    plain_from = config.train.epochs - a.plain_epochs
    return FinderDataset(images, spec, view, appearance, config.train.seed, a.mosaic, plain_from)


@torch.no_grad()
def start_box_maps(network: UniPose) -> None:
    """Let a new finder's maps begin near what is most often right: nobody, and boxes of a few cells."""
    maps = network.decoder.maps
    maps.weight.mul_(0.1)
    cast(torch.Tensor, maps.bias).copy_(torch.tensor([-4.6, 0.7, 0.9, 0.7, 0.9]))


def init_worker(worker: int) -> None:
    """Set up a loader's process: without OpenCV's threads, which would take cores from the training."""
    cv2.setNumThreads(0)


def init_background_worker(worker: int) -> None:
    """And with the least priority, for training on the CPU, where every thread of a step waits for the slowest one."""
    init_worker(worker)
    if hasattr(os, "nice"):
        os.nice(19)


def joint_weights(skeleton: Skeleton, by_name: dict[str, float]) -> torch.Tensor:
    """(K,) float32. Raises ValueError for a name that is no keypoint, and suggests the nearest one."""
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
        "head": m.head, "wasp": m.wasp,
        "wasp_channels": m.wasp_channels, "wasp_rates": m.wasp_rates and list(m.wasp_rates),
        "wasp_shared": m.wasp_shared, "decoder_channels": m.decoder_channels, "dropout": m.dropout,
        "activation": activation,
    }  # fmt: skip
    if m.lstm_channels:
        network |= {"lstm_channels": m.lstm_channels, "lstm_kernel": m.lstm_kernel}
    return ModelSpec(
        name=m.name, version=__version__, skeleton=skeleton, input_wh=m.input_wh, stride=m.decoder_stride,
        sigma=m.sigma, margin=m.margin, mean=m.mean, std=m.std, network=network, provenance=provenance, kind=m.kind,
    )  # fmt: skip


def provenance(config: Config, training: Sequence[RecordSet]) -> dict[str, object]:
    """What the weights are trained from and how, for the model file."""
    m, t = config.model, config.train

    def model_file(name: str | None) -> dict[str, str] | None:
        return {"file": text_of(Path(name).name), "sha256": sha256(Path(name))} if name else None

    def people(records: RecordSet) -> int:
        return sum(map(len, records.boxes.values())) if m.kind == "finder" else len(records.records)

    times = Counter(records.path for records in training)
    data = [
        {
            "file": text_of("/".join(path.parts[-2:])),
            "people": people(records),
            "sha256": sha256(path),
            "times": times[path],
        }
        for path, records in {records.path: records for records in training}.items()
    ]
    return {
        "pretrained": m.pretrained,
        "start": model_file(m.start),
        "teacher": model_file(t.teacher),
        "data": data,
        "window": config.data.window,
        "seed": t.seed,
        "epochs": t.epochs,
        "batch_size": t.batch_size,
        "loss": t.loss,
        "lr": t.lr,
    }
