"""What trainings of classifiers share: the Trainer, and how many images are classified correctly."""

import math
from collections.abc import Iterable

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from unipose.modeling.classifier import Classifier
from unipose.training.dataset import Batch
from unipose.training.loop import READ_EVERY, Trainer
from unipose.training.loss import CLASSES
from unipose.training.optim import Average
from unipose.training.precision import autocast_dtype

RGB = tuple[float, float, float]


def class_trainer(
    network: Classifier, optimizer: Optimizer, scheduler: LambdaLR, average: Average | None, mean: RGB, std: RGB
) -> Trainer:
    """A Trainer of a classifier, on the device where its weights are; for batches of `class_images.class_batch`."""
    device = network.head.weight.device
    return Trainer(
        network=network,
        unwrapped=network,
        loss=CLASSES,
        optimizer=optimizer,
        scheduler=scheduler,
        average=average,
        device=device,
        mean=mean,
        std=std,
        precision=autocast_dtype("auto", device),
        joint_weights=torch.ones(1, device=device),
        clip_norm=math.inf,
        read_every=READ_EVERY if device.type == "cuda" else 1,
    )


@torch.inference_mode()
def accuracy(trainer: Trainer, batches: Iterable[Batch]) -> float:
    """Percent of the images that are classified correctly."""
    network = trainer.result.eval()
    right = [
        network(trainer.normalise(batch["image"].to(trainer.device))).argmax(dim=1).cpu()
        == batch["target"].argmax(dim=1)
        for batch in batches
    ]
    return 100 * float(torch.cat(right).float().mean())
