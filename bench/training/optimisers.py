"""Builds the optimisers and learning-rate schedules that the settings name."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from bench.plugins import TrainingSettings

SGD_FACTOR = 10.0
"""SGD takes ten times the learning rate of the settings, since it needs about that; so one search range serves both."""


def build_optimiser(network: nn.Module, settings: TrainingSettings) -> Optimizer:
    """Builds the optimiser of a network; weight decay spares biases and normalisation weights (all of one dimension)."""
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trainable if p.dim() > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in trainable if p.dim() <= 1], "weight_decay": 0.0},
    ]
    fused = all(parameter.is_cuda for parameter in trainable)
    match settings.optimiser:
        case "adam":
            return torch.optim.Adam(groups, lr=settings.learning_rate, fused=fused)
        case "adamw":
            return torch.optim.AdamW(groups, lr=settings.learning_rate, fused=fused)
        case "sgd":
            rate = settings.learning_rate * SGD_FACTOR
            return torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True, fused=fused)


def build_schedule(optimiser: Optimizer, settings: TrainingSettings, steps: int) -> LRScheduler:
    """Builds the schedule over all `steps` optimiser steps; it is stepped after each of them."""
    return LambdaLR(optimiser, _factor(settings, max(steps, 1)))


def _factor(settings: TrainingSettings, steps: int) -> Callable[[int], float]:
    """Returns a function that maps a step to its learning rate, as a share of the highest.

    one-cycle rises along a cosine from a 25th of the highest over the first 30 % of the steps, then falls along another to
    zero, as torch's OneCycleLR does but for its end (a 10,000th of the start) and its momentum, which does not change here.
    step falls to a tenth after two thirds of the steps: of 3 epochs, after 2. warmup-cosine reaches the highest rate after
    its share of the steps; its first step is not of rate 0, which would be a step wasted.
    """
    rising, warmup = 0.3 * steps, settings.warmup * steps

    def one_cycle(step: int) -> float:
        if step < rising:
            return 0.04 + 0.96 * (1 - math.cos(math.pi * step / rising)) / 2
        return (1 + math.cos(math.pi * (step - rising) / (steps - rising))) / 2

    def warmup_cosine(step: int) -> float:
        if step + 1 < warmup:
            return (step + 1) / warmup
        return (1 + math.cos(math.pi * max(0.0, step - warmup) / (steps - warmup))) / 2

    factors: dict[str, Callable[[int], float]] = {
        "constant": lambda step: 1.0,
        "cosine": lambda step: (1 + math.cos(math.pi * step / steps)) / 2,
        "one-cycle": one_cycle,
        "step": lambda step: 1.0 if step < 2 * steps / 3 else 0.1,
        "warmup-cosine": warmup_cosine,
    }
    return factors[settings.schedule]
