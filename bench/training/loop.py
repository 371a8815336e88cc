"""The training loop: one epoch after another over clips that are already on the device. No per-clip Python."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from bench.plugins import TrainingSettings
from bench.training.augmentation import Augmentation
from bench.training.budget import Budget
from bench.training.compiled import Forward
from bench.training.device import autocast, fastest_layout
from bench.training.device_clips import DeviceClips
from bench.training.evaluator import Evaluator, Outputs
from bench.training.frontend import FrontEnd
from bench.training.loader import Batch, Loader, build_loader
from bench.training.optimisers import build_optimiser, build_schedule


@dataclass(frozen=True)
class EpochOutcome:
    """One pass over the training clips, or as many steps as were asked for, and one look at the validation clips."""

    number: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    validation: Outputs
    seconds: float


def train(
    network: nn.Module,
    front_end: FrontEnd,
    settings: TrainingSettings,
    *,
    training: DeviceClips,
    validation: DeviceClips,
    augmentation: Augmentation,
    generator: torch.Generator,
    budget: float | None = None,
    forward: Forward | None = None,
) -> Iterator[EpochOutcome]:
    """Trains the network in place, and yields after every epoch; whoever iterates may stop at any of them.

    `forward`: what its steps call in the network's place: code that was generated for it.
    `budget`: seconds that all epochs may take. Raises OverBudget where the first steps tell that they would take longer.
    """
    start = time.perf_counter()
    feed = build_loader(training, front_end, settings, augmentation=augmentation, generator=generator)
    examination = Evaluator(validation, front_end, settings)
    steps = settings.epochs * feed.steps
    optimiser = build_optimiser(network, settings)
    schedule = build_schedule(optimiser, settings, steps)
    judge = Budget(budget, steps=steps, spent=time.perf_counter() - start) if budget else None

    for number in range(1, settings.epochs + 1):
        network.train()
        # Summed on the device: reading a value back after every step would wait for the device every step.
        totals = torch.zeros(2, device=training.targets.device)
        shown = 0
        for done, batch in enumerate(islice(feed.batches, feed.steps), start=1 + (number - 1) * feed.steps):
            totals += step(
                forward or network, batch, feed, optimiser, schedule, label_smoothing=settings.label_smoothing
            )
            shown += len(batch.targets)
            if judge is not None:
                judge.after(done)
        answers = examination(network)
        loss_sum, correct = totals.tolist()
        yield EpochOutcome(
            number=number,
            learning_rate=float(schedule.get_last_lr()[0]),
            train_loss=loss_sum / shown,
            train_accuracy=correct / shown,
            validation=answers,
            seconds=time.perf_counter() - start,
        )
        start = time.perf_counter()


def step(
    network: Forward,
    batch: Batch,
    feed: Loader,
    optimiser: Optimizer,
    schedule: LRScheduler,
    *,
    label_smoothing: float,
) -> Tensor:
    """One step of the optimiser and of its schedule. Its loss, summed over the batch, and how many were right, [2]."""
    targets = batch.targets
    features, *lengths = batch.inputs
    with autocast(targets.device):
        logits = network(fastest_layout(features), *lengths)
    loss = functional.cross_entropy(logits.float(), targets, weight=feed.class_weights, label_smoothing=label_smoothing)
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    optimiser.step()
    schedule.step()
    with torch.no_grad():
        return torch.stack([loss.detach() * len(targets), (logits.argmax(1) == targets).sum()])
