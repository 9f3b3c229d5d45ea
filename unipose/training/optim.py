"""Optimisers, learning-rate schedules and the moving average of the weights."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

Groups = list[dict[str, Any]]

OPTIMIZERS: dict[str, Callable[[Groups, float, float], Optimizer]] = {
    "adamw": lambda groups, lr, momentum: torch.optim.AdamW(groups, lr, betas=(momentum, 0.999)),
    "adam": lambda groups, lr, momentum: torch.optim.Adam(groups, lr, betas=(momentum, 0.999)),
    "sgd": lambda groups, lr, momentum: torch.optim.SGD(groups, lr, momentum, nesterov=momentum > 0),
}


def cosine(done: float) -> float:
    """Half a cosine from 1 down to 1 %."""
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done))


def step(done: float) -> float:
    """A tenth from 70 % of the training, a hundredth from 90 %."""
    return 0.1 ** sum(done >= mark for mark in (0.7, 0.9))


SCHEDULES: dict[str, Callable[[float], float]] = {"cosine": cosine, "step": step, "constant": lambda done: 1.0}


def lr_factor(step: int, schedule: str, warmup: int, total: int) -> float:
    """What the learning rate is multiplied by at a step: a linear warm-up, then a row of `SCHEDULES` up to `total`."""
    if step < warmup:
        return (step + 1) / warmup
    return SCHEDULES[schedule](min(1.0, (step - warmup) / max(1, total - warmup)))


def parameter_groups(network: nn.Module, weight_decay: float) -> Groups:
    """Weight decay for matrices and kernels, none for norms and biases."""
    decayed = [p for p in network.parameters() if p.ndim > 1]
    free = [p for p in network.parameters() if p.ndim <= 1]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]


def ema(decay: float, averaged: Tensor, current: Tensor, updates: Tensor | int) -> Tensor:
    """Exponential moving average, with less decay at first, so that the random initial weights are soon forgotten."""
    if not averaged.is_floating_point():
        return current
    return averaged.lerp(current, 1 - min(decay, (1 + int(updates)) / (10 + int(updates))))
