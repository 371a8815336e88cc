"""Learning-rate range test (Smith, 2017, arXiv:1506.01186): the loss while the learning rate rises step by step.

As in fastai and PyTorch Lightning, the rate rises by the same factor every step, the loss is smoothed exponentially, and
the test ends when it has diverged. The suggestion is the rate around which the smoothed loss falls most steeply over the
logarithm of the rate; here the fall is measured over a decade of it, not over one step.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from bench.plugins import TrainingSettings
from bench.training.augmentation import Augmenter
from bench.training.device_clips import DeviceClips
from bench.training.frontend import FrontEnd
from bench.training.loader import build_loader
from bench.training.loop import step
from bench.training.optimisers import build_optimiser

STEPS = 100
LOWEST, HIGHEST = 1e-6, 1.0
SMOOTHING = 0.98
"""Weight of the smoothed loss so far in that of the next step; its bias at the start is corrected for, as in Adam."""
DIVERGED = 4.0
"""The test ends when the smoothed loss is this many times the least so far."""
SKIPPED = 10
"""Number of first steps from which nothing is suggested, since the smoothed loss is still settling."""
SPAN = 16
"""Steps over which a fall is measured, a decade of the rate: over one step a noisy loss falls steepest by chance."""


class NoSuggestion(Exception):
    """The loss diverged before it had fallen; the message says at which learning rate."""


@dataclass(frozen=True)
class RangeCurve:
    """The losses of a range test, by learning rate."""

    rates: tuple[float, ...]
    """Rate of every step, rising, in the terms of the setting `learning_rate`, of which sgd takes ten times as much."""
    losses: tuple[float, ...]
    """Smoothed loss after every step, in nats."""
    suggestion: float
    """Suggested value of the setting `learning_rate`."""


def range_curve(
    network: nn.Module,
    front_end: FrontEnd,
    settings: TrainingSettings,
    *,
    training: DeviceClips,
    classes: int,
    augmentation: Augmenter,
    generator: torch.Generator,
) -> RangeCurve:
    """Runs the range test on a copy of the network.

    It advances the generators of `augmentation` and `generator`, so that a training needs others. torch's own generators are
    restored, so that a training after it draws what it would have drawn without it.

    Raises:
        NoSuggestion: The loss diverged before it had fallen.
    """
    network = copy.deepcopy(network).train()
    # A hundred batches mostly need fewer features than the whole split has, so they are not cached.
    loader = build_loader(training, front_end, settings, augmentation=augmentation, generator=generator, cache=False)
    optimiser = build_optimiser(network, settings.model_copy(update={"learning_rate": 1.0}))
    rates = np.geomspace(LOWEST, HIGHEST, STEPS).tolist()
    schedule = LambdaLR(optimiser, lambda number: rates[min(number, STEPS - 1)])
    average, losses = 0.0, list[float]()
    device = training.targets.device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        for number, batch in enumerate(islice(loader.batches, STEPS), start=1):
            total = step(
                network,
                batch,
                loader,
                optimiser,
                schedule,
                classes=classes,
                settings=settings,
            )
            average = SMOOTHING * average + (1 - SMOOTHING) * float(total[0]) / len(batch.targets)
            loss = average / (1 - SMOOTHING**number)
            if not np.isfinite(loss) or loss > DIVERGED * min(losses, default=loss):
                break
            losses.append(loss)
    return RangeCurve(tuple(rates[: len(losses)]), tuple(losses), steepest_descent(rates, losses))


def steepest_descent(rates: list[float], losses: list[float]) -> float:
    """Finds the rate around which the loss falls most steeply over the logarithm of the rate. Raises NoSuggestion."""
    if len(losses) <= SKIPPED + SPAN:
        raise NoSuggestion(f"the loss diverged at the learning rate {rates[len(losses)]:.1e}, where it has only begun")
    settled = np.array(losses[SKIPPED:])
    falls = settled[SPAN:] - settled[:-SPAN]  # rates rise by one factor, so equal spans are equal in the logarithm
    return rates[SKIPPED + SPAN // 2 + int(falls.argmin())]
