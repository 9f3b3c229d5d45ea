"""The training loop, a screen long."""

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
    """The loss became NaN or infinite; `indices` are the batch's records."""

    def __init__(self, loss: float, indices: list[int]):
        super().__init__(f"the loss is {loss}")
        self.indices = indices


@dataclass
class Trainer:
    """What training changes, and how. `network` may be wrapped (compiled, distributed); `plain` is what it wraps.

    `precision` is autocast's dtype (float32: none). `accumulate` batches make one step. `joint_weights` (K,) say how
    much each keypoint counts. `average` follows the weights where it is given.
    """

    network: nn.Module
    plain: nn.Module
    loss: Loss
    optimizer: Optimizer
    schedule: LambdaLR
    average: AveragedModel | None
    device: torch.device
    precision: torch.dtype
    joint_weights: Tensor
    clip_norm: float
    accumulate: int = 1
    scaler: GradScaler = field(init=False)

    def __post_init__(self) -> None:
        self.scaler = GradScaler(self.device.type, enabled=self.precision is torch.float16)

    def epoch(self, batches: Iterable[Batch], on_batch: Callable[[float, int], None]) -> float:
        """One pass; `on_batch(loss, images of this process)` after each -> the mean loss. Raises NonFiniteLoss."""
        self.network.train()
        total, count = 0.0, 0
        for i, batch in enumerate(batches, 1):
            loss = self.forward_backward(batch)
            if i % self.accumulate == 0:
                self.step()
            total, count = total + loss, count + 1
            on_batch(loss, batch["weight"].flatten(0, -2).shape[0])
        self.optimizer.zero_grad(set_to_none=True)  # what is left of an unfinished accumulation
        return total / max(count, 1)

    def forward_backward(self, batch: Batch) -> float:
        image, target, weight = (self._put(part) for part in (batch["image"], batch["target"], batch["weight"]))
        with torch.autocast(self.device.type, self.precision, enabled=self.precision is not torch.float32):
            maps = self.network(image)
        weight = weight * self.joint_weights
        # The mean over the keypoints of all processes: theirs are averaged after this, so each divides by the mean sum.
        loss = (self.loss.function(maps, target) * weight).sum() / distributed.mean(weight.sum()).clamp_min(1.0)
        value = float(distributed.mean(loss.detach()))
        if not math.isfinite(value):
            raise NonFiniteLoss(value, batch["index"].tolist())
        self.scaler.scale(loss / self.accumulate).backward()  # type: ignore[no-untyped-call]
        return value

    def step(self) -> None:
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.plain.parameters(), self.clip_norm)
        scale = self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        if self.scaler.get_scale() < scale:
            return  # float16 gradients overflowed: the scaler left the step out and will scale less
        self.schedule.step()
        if self.average:
            self.average.update_parameters(self.plain)

    def _put(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device, non_blocking=True)
