"""The training loop, a screen long."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel

from unipose.dataset import Batch
from unipose.loss import Loss


class NonFiniteLoss(RuntimeError):
    """The loss became NaN or infinite; `indices` are the batch's records."""

    def __init__(self, loss: float, indices: list[int]):
        super().__init__(f"the loss is {loss}")
        self.indices = indices


@dataclass(frozen=True)
class Trainer:
    """What one step changes, and how. `average` follows the network's weights where it is given."""

    network: nn.Module
    loss: Loss
    optimizer: Optimizer
    schedule: LambdaLR
    average: AveragedModel | None
    device: torch.device
    amp: bool
    clip_norm: float

    def epoch(self, batches: Iterable[Batch], on_step: Callable[[float, int], None]) -> float:
        """One pass; `on_step(loss, images)` after each batch -> the mean loss. Raises NonFiniteLoss."""
        self.network.train()
        total, images = 0.0, 0
        for batch in batches:
            loss = self.step(batch)
            count = len(batch["image"])
            total, images = total + loss * count, images + count
            on_step(loss, count)
        return total / max(images, 1)

    def step(self, batch: Batch) -> float:
        image, target, weight = (self._put(part) for part in (batch["image"], batch["target"], batch["weight"]))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.amp):
            maps = self.network(image.contiguous(memory_format=torch.channels_last))
        loss = self.loss.function(maps, target, weight)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise NonFiniteLoss(value, batch["index"].tolist())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self.clip_norm)
        self.optimizer.step()
        self.schedule.step()
        if self.average:
            self.average.update_parameters(self.network)
        return value

    def _put(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device, non_blocking=True)


def warmup_cosine(step: int, warmup: int, total: int) -> float:
    """The learning rate's factor: a straight rise over `warmup` steps, then half a cosine down to 1 % at `total`."""
    if step < warmup:
        return (step + 1) / warmup
    done = min(1.0, (step - warmup) / max(1, total - warmup))
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done))


def parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Weight decay on matrices and kernels only, not on norms and biases."""
    decayed = [p for p in network.parameters() if p.ndim > 1]
    free = [p for p in network.parameters() if p.ndim <= 1]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]
