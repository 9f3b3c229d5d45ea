"""Trainer: the training loop."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from unipose.modeling.warp import Normalise
from unipose.training import distributed
from unipose.training.dataset import Batch
from unipose.training.distillation import Teacher
from unipose.training.loss import Loss
from unipose.training.optim import Average

READ_EVERY = 20  # batches, of a GPU's losses: about a second


class NonFiniteLoss(RuntimeError):
    """The loss became NaN or infinite on the samples `indices`."""

    def __init__(self, loss: float, indices: list[int]):
        super().__init__(f"the loss is {loss}")
        self.indices = indices


@dataclass
class Trainer:
    """A network, what changes its weights, and how. `network` may be compiled or distributed; `unwrapped` is not.

    Images are normalised by `mean` and `std` on the device. `precision` is autocast's dtype (float32: none). A step is
    taken every `accumulate` batches, as of one large batch. `joint_weights` (K,) is the weight of each keypoint in the
    loss (of a finder (1,)). `average`, if any, follows the weights. Losses are read `read_every` batches at once: a GPU
    that nobody asks need not wait. A `teacher`'s maps are mixed into the targets, less and less over `total` steps.
    """

    network: nn.Module
    unwrapped: nn.Module
    loss: Loss
    optimizer: Optimizer
    scheduler: LambdaLR
    average: Average | None
    device: torch.device
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    precision: torch.dtype
    joint_weights: Tensor
    clip_norm: float
    accumulate: int = 1
    read_every: int = 1
    teacher: Teacher | None = None
    total: int = 1
    scaler: GradScaler = field(init=False)
    _unread: list[tuple[Tensor, Tensor, int]] = field(init=False, default_factory=list)
    """Of each batch not yet read the loss, on the device, the samples' indices, and how many images it has."""

    def __post_init__(self) -> None:
        self.scaler = GradScaler(self.device.type, enabled=self.precision is torch.float16)
        self._normalise = Normalise(self.mean, self.std).to(self.device)

    @property
    def result(self) -> nn.Module:
        """The network with the weights that are evaluated and saved."""
        return self.average.module if self.average else self.unwrapped

    def train_epoch(self, batches: Iterable[Batch], on_batch: Callable[[float, int], None]) -> float:
        """Train on all batches, `on_batch(loss, own images)` after each -> the mean loss. Raises NonFiniteLoss."""
        self.network.train()
        self._unread.clear()
        losses: list[float] = []

        def read() -> None:
            for loss, images in self._read():
                losses.append(loss)
                on_batch(loss, images)

        remaining, done = iter(batches), 0
        while len(group := [self._to_device(batch) for batch in islice(remaining, self.accumulate)]) == self.accumulate:
            counts = self.counts(group)
            for batch in group:
                images = batch["image"].flatten(0, -4).shape[0]
                self._unread.append((self.forward_backward(batch, counts), batch["index"], images))
                done += 1
                if done % self.read_every == 0:
                    read()
            self.step()
        read()
        return sum(losses) / max(len(losses), 1)

    def counts(self, batches: Sequence[Batch]) -> Tensor:
        """What each of the loss's sums over these batches, on the device, is divided by -> (sums,)."""
        own = [torch.stack(self.loss.counts(batch["target"], batch["weight"])) for batch in batches]
        # The mean over all processes' keypoints: their gradients are averaged later, so each divides by the mean sum.
        return distributed.mean(torch.stack(own).sum(dim=0)).clamp_min(1.0)

    def forward_backward(self, batch: Batch, counts: Tensor) -> Tensor:
        """Add the gradients of a batch, on the device -> its loss: the mean of a step's batches is the step's."""
        with torch.autocast(self.device.type, self.precision, enabled=self.precision is not torch.float32):
            maps = self.network(self.normalise(batch["image"]))
            target = batch["target"]
            if self.teacher:
                target = self.teacher.mix(batch["image"], target, self.scheduler.last_epoch / self.total)
        loss = (torch.stack(self.loss.sums(maps, target, batch["weight"])) / counts).sum()
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        return loss.detach() * self.accumulate

    def normalise(self, image: Tensor) -> Tensor:
        """uint8 (..., H, W, 3), as batches have it -> (..., 3, H, W) float32: `core.image.normalise`, on the device."""
        normalised: Tensor = self._normalise(image.movedim(-1, -3))
        return normalised

    def _read(self) -> list[tuple[float, int]]:
        """Of each batch not yet read the loss, a mean over the processes, and how many images it has."""
        if not self._unread:
            return []
        own, indices, images = zip(*self._unread, strict=True)
        losses = distributed.mean(torch.stack(own)).tolist()
        for loss, index in zip(losses, indices, strict=True):
            if not math.isfinite(loss):
                raise NonFiniteLoss(loss, index.tolist())
        self._unread.clear()
        return list(zip(losses, images, strict=True))

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
            self.average.update(self.unwrapped)

    def state_dict(self) -> dict[str, Any]:
        """All that a training needs to go on as if it had not stopped, but its randomness."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Raises KeyError, RuntimeError or ValueError for the state of another training."""
        for saved, own in zip(state["optimizer"]["param_groups"], self.optimizer.param_groups, strict=True):
            saved["fused"] = own["fused"]  # as this device has it, whatever that of the state had
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict[str, Any]:
        parts = {
            "network": self.unwrapped, "optimizer": self.optimizer, "schedule": self.scheduler, "average": self.average,
        }  # fmt: skip
        return {name: part for name, part in parts.items() if part is not None} | {"scaler": self.scaler}

    def _to_device(self, batch: Batch) -> Batch:
        """A batch on the device, but for its indices, with the keypoints' weights in its own."""
        image, target, weight = (
            part.to(self.device, non_blocking=True) for part in (batch["image"], batch["target"], batch["weight"])
        )
        return Batch(image=image, target=target, weight=weight * self.joint_weights, index=batch["index"])
