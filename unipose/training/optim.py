"""Optimisers, learning-rate schedules and the moving average of the weights."""

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.swa_utils import get_ema_multi_avg_fn

Groups = list[dict[str, Any]]

OPTIMIZERS: dict[str, Callable[[Groups, float, float, bool], Optimizer]] = {
    "adamw": lambda groups, lr, momentum, fused: torch.optim.AdamW(groups, lr, (momentum, 0.999), fused=fused),
    "adam": lambda groups, lr, momentum, fused: torch.optim.Adam(groups, lr, (momentum, 0.999), fused=fused),
    "sgd": lambda groups, lr, momentum, fused: torch.optim.SGD(
        groups, lr, momentum, nesterov=momentum > 0, fused=fused
    ),
}
"""From parameter groups, learning rate, momentum, and whether one kernel takes the whole step."""


@dataclass(frozen=True)
class Moment:
    """A step of a training after its warm-up: how much of it is `done`, 0 to 1, and how many milestones are behind."""

    done: float
    milestones: int
    gamma: float


def cosine(moment: Moment) -> float:
    """Half a cosine from 1 down to 1 %."""
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * moment.done))


def flat_cosine(moment: Moment) -> float:
    """1 for the first half, then half a cosine down to 1 %."""
    return cosine(replace(moment, done=max(0.0, 2 * moment.done - 1)))


SCHEDULES: dict[str, Callable[[Moment], float]] = {
    "cosine": cosine,
    "flat_cosine": flat_cosine,
    "step": lambda moment: moment.gamma**moment.milestones,
    "constant": lambda moment: 1.0,
}


def lr_factor(
    step: int, schedule: str, warmup: int, total: int, milestones: Sequence[float] = (), gamma: float = 0.1
) -> float:
    """What the learning rate is multiplied by at a step: a linear warm-up, then a row of `SCHEDULES` up to `total`.

    All are counted in steps; `gamma`: by what "step" multiplies it at each of its `milestones`.
    """
    if step < warmup:
        return (step + 1) / warmup
    done = min(1.0, (step - warmup) / max(1, total - warmup))
    return SCHEDULES[schedule](Moment(done, sum(step >= mark for mark in milestones), gamma))


def parameter_groups(network: nn.Module, weight_decay: float) -> Groups:
    """Weight decay for matrices and kernels, none for norms and biases."""
    decayed = [p for p in network.parameters() if p.ndim > 1]
    free = [p for p in network.parameters() if p.ndim <= 1]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]


class Average:
    """An exponential moving average of a network's weights and buffers, in `module`."""

    def __init__(self, network: nn.Module, decay: float):
        self.module = deepcopy(network).requires_grad_(False)
        self.decay = decay
        self.updates = 0
        self._network: nn.Module | None = None

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Follow the network: with less decay at first, so that the random initial weights are soon forgotten."""
        follow = get_ema_multi_avg_fn(min(self.decay, self.updates / (9 + self.updates)))  # type: ignore[no-untyped-call]
        self.updates += 1
        if self._network is not network:  # tensors keep their place, so their lists are made once
            mine, theirs = (module.state_dict() for module in (self.module, network))
            floats = [name for name, tensor in mine.items() if tensor.is_floating_point()]
            counts = [name for name in mine if name not in floats]
            self._floats, self._counts = (
                ([mine[name] for name in names], [theirs[name] for name in names]) for names in (floats, counts)
            )
            self._network = network
        follow(*self._floats, None)
        if self._counts[0]:
            torch._foreach_copy_(*self._counts)

    def state_dict(self) -> dict[str, Any]:
        return {"updates": self.updates, "module": self.module.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.updates = state["updates"]
        self.module.load_state_dict(state["module"])
