"""A TrainingRun from a configuration: all wiring of a training is here."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, cast

import cv2
import torch
from rich.console import Console
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader

from unipose import __version__
from unipose.core.box_maps import MAPS
from unipose.core.choice import choose
from unipose.core.files import sha256, text_of
from unipose.core.model_spec import ModelSpec
from unipose.core.skeleton import SKELETONS, Skeleton
from unipose.datasets.records import RecordSet, read_records
from unipose.datasets.synthetic.images import draw_sample
from unipose.modeling.checkpoint import build_network, start_from
from unipose.modeling.pretrained import load_pretrained
from unipose.modeling.unipose import UniPose
from unipose.modeling.unipose_lstm import UniPoseLSTM
from unipose.training import distributed
from unipose.training.augment import Appearance, RandomAffine, RandomView
from unipose.training.config import AugmentConfig, Config, DataConfig, ModelConfig, TrainConfig, given_keys, read_config
from unipose.training.dataset import Batch, PoseDataset
from unipose.training.distillation import open_teacher
from unipose.training.finder_dataset import FinderDataset, labelled_images
from unipose.training.loop import READ_EVERY, Trainer
from unipose.training.loss import LOSSES
from unipose.training.optim import OPTIMIZERS, Average, lr_factor, parameter_groups
from unipose.training.precision import autocast_dtype
from unipose.training.resident import Plans, ResidentLoader, load_pictures
from unipose.training.run import TrainingRun
from unipose.training.start import ARCHITECTURE, FINE_TUNING, complete, origin, start_skeleton

OWN = "own"  # as data.skeleton: the one that all sets have, whatever model.start has

SAMPLE_CONFIG = Config(
    model=ModelConfig(
        name="sample", trunk="res2net_s", multi_grid=(1, 1, 1), wasp_channels=128, wasp_rates=(1, 2, 3),
        decoder_channels=96, dropout=0.0, input_wh=(96, 96), sigma=1.5,
    ),
    augment=AugmentConfig(scale=(0.85, 1.2), rotation=15, shift=0.05, appearance=0, occlusion=0),
    train=TrainConfig(epochs=8, batch_size=16, ema_decay=0.99),
)  # fmt: skip
"""What `unipose train` trains without arguments: minutes on two cores."""


def configure(arguments: Sequence[str]) -> Config:
    """The configuration that a command line says: at most one YAML file, and section.key=value overrides.

    Without a file they override SAMPLE_CONFIG, but with model.start. What is not said comes from the model file that
    the training starts from (`start.complete`), and model and run are called as the file. Raises ValueError, and
    OSError if a file cannot be read.
    """
    files = [argument for argument in arguments if "=" not in argument]
    if len(files) > 1:
        raise ValueError(f"one configuration file at most, got {', '.join(files)}")
    overrides = [argument for argument in arguments if "=" in argument]
    file = Path(files[0]) if files else None
    given = given_keys(file, overrides)
    if file is None and "model.start" not in given:
        return read_config(None, overrides, SAMPLE_CONFIG)
    config = read_config(file, overrides, _called(Config(), file))
    start = origin(config, given)
    if start is None:
        return config
    if not ARCHITECTURE & given:
        config = read_config(file, overrides, _called(FINE_TUNING, file))
    return complete(config, start, given)


def _called(config: Config, file: Path | None) -> Config:
    """The configuration with the name and the run's folder called as a file."""
    if file is None:
        return config
    name, run = replace(config.model, name=file.stem), replace(config.train, run=Path("runs") / file.stem)
    return replace(config, model=name, train=run)


def read_data(data: DataConfig, sample_dir: Path, console: Console) -> tuple[list[RecordSet], RecordSet | None]:
    """The training sets and the validation set; if none is named the sample set, drawn into `sample_dir`.

    Raises ValueError for a validation set alone.
    """
    paths, val = data.train, data.val
    if paths is None:
        if val:
            raise ValueError(f"data.val={val} judges a training on data.train=, which is missing")
        if not (sample_dir / "train.json").exists():
            console.print(f"drawing the sample set into {sample_dir}")
            draw_sample(sample_dir)
        paths, val = (sample_dir / "train.json",), sample_dir / "test.json"
    training = [read_records(path) for path in paths]
    validation = read_records(val) if val else None
    return training, validation


def common_skeleton(
    data: DataConfig, training: Sequence[RecordSet], validation: RecordSet | None, start: Skeleton | None = None
) -> tuple[list[RecordSet], Skeleton]:
    """The training sets with the keypoints of one skeleton, which is that of the network.

    It is data.skeleton, or that of the model to `start` from where it has every set's keypoints: they are matched by
    name, and a set's missing ones are not labelled; the validation set must have no others. Else it is that of all
    sets. Raises ValueError for sets that do not fit, or have no labelled keypoint.
    """
    sets = [*training, *([validation] if validation else [])]
    for records in sets:
        records.require_keypoints()
    skeleton = None
    if data.skeleton not in (None, OWN):
        skeleton = choose(SKELETONS, data.skeleton, "data.skeleton")
    elif start and data.skeleton != OWN and all(min(start.find(one.skeleton.keypoints)) >= 0 for one in sets):
        skeleton = start
    if skeleton:
        training = [records.onto(skeleton) for records in training]
        names = validation.skeleton.keypoints if validation else ()
        unknown = [name for name, place in zip(names, skeleton.find(names), strict=True) if place < 0]
        if validation and unknown:
            raise ValueError(
                f"{validation.path} has keypoints that {skeleton.name} lacks: {', '.join(sorted(unknown))}"
            )
        return list(training), skeleton
    skeleton = training[0].skeleton
    for other in sets:
        if other.skeleton.keypoints != skeleton.keypoints:
            raise ValueError(
                f"{other.path} has skeleton {other.skeleton.name}, {training[0].path} {skeleton.name}: say which one "
                "the network is to have, as data.skeleton=body19"
            )
    return list(training), skeleton


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
