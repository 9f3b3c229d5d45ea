"""Trainer: the training loop."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel

from unipose.training import distributed
from unipose.training.dataset import Batch
from unipose.training.loss import Loss


class NonFiniteLoss(RuntimeError):
    """The loss became NaN or infinite on the samples `indices`."""

    def __init__(self, loss: float, indices: list[int]):
        super().__init__(f"the loss is {loss}")
        self.indices = indices


@dataclass
class Trainer:
    """A network, what changes its weights, and how. `network` may be compiled or distributed; `unwrapped` is not.

    `precision` is autocast's dtype (float32: none). A step is taken every `accumulate` batches. `joint_weights` (K,) is
    the weight of each keypoint in the loss (of a finder (1,)). `average`, if any, follows the weights.
    """

    network: nn.Module
    unwrapped: nn.Module
    loss: Loss
    optimizer: Optimizer
    scheduler: LambdaLR
    average: AveragedModel | None
    device: torch.device
    precision: torch.dtype
    joint_weights: Tensor
    clip_norm: float
    accumulate: int = 1
    scaler: GradScaler = field(init=False)

    def __post_init__(self) -> None:
        self.scaler = GradScaler(self.device.type, enabled=self.precision is torch.float16)

    def train_epoch(self, batches: Iterable[Batch], on_batch: Callable[[float, int], None]) -> float:
        """Train on all batches, `on_batch(loss, own images)` after each -> the mean loss. Raises NonFiniteLoss."""
        self.network.train()
        total, count = 0.0, 0
        for i, batch in enumerate(batches, 1):
            loss = self.forward_backward(batch)
            if i % self.accumulate == 0:
                self.step()
            total, count = total + loss, count + 1
            on_batch(loss, batch["image"].flatten(0, -4).shape[0])
        self.optimizer.zero_grad(set_to_none=True)  # of an unfinished accumulation
        return total / max(count, 1)

    def forward_backward(self, batch: Batch) -> float:
        """Add a batch's gradients -> its loss."""
        image, target, weight = (self._to_device(part) for part in (batch["image"], batch["target"], batch["weight"]))
        with torch.autocast(self.device.type, self.precision, enabled=self.precision is not torch.float32):
            maps = self.network(image)
        terms = self.loss.terms(maps, target, weight * self.joint_weights)
        # The mean over all processes' keypoints: their gradients are averaged later, so each divides by the mean sum.
        loss = torch.stack([term / distributed.mean(count).clamp_min(1.0) for term, count in terms]).sum()
        value = float(distributed.mean(loss.detach()))
        if not math.isfinite(value):
            raise NonFiniteLoss(value, batch["index"].tolist())
        self.scaler.scale(loss / self.accumulate).backward()  # type: ignore[no-untyped-call]
        return value

    def step(self) -> None:
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.unwrapped.parameters(), self.clip_norm)
        scale = self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        if self.scaler.get_scale() < scale:
            return  # float16 gradients overflowed: the scaler skipped the step and lowered its scale
        self.scheduler.step()
        if self.average:
            self.average.update_parameters(self.unwrapped)

    def _to_device(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device, non_blocking=True)
