"""The training loop: one epoch after another over clips that are already on the device, without Python for each clip."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from bench.plugins import TrainingSettings
from bench.plugins.networks import logits_of
from bench.training.augmentation import Augmenter
from bench.training.budget import Budget
from bench.training.compiled import Forward
from bench.training.device import autocast, fastest_layout
from bench.training.device_clips import DeviceClips
from bench.training.evaluator import Evaluator, Outputs
from bench.training.frontend import FrontEnd
from bench.training.loader import Batch, Loader, build_loader
from bench.training.loss import classification_loss, likeliest
from bench.training.optimisers import build_optimiser, build_schedule
from bench.training.weight_average import WeightAverage


class Diverged(Exception):
    """The loss, or what the network gives for clips that it is not trained on, is no number; the message says where."""


@dataclass(frozen=True)
class EpochOutcome:
    """The outcome of one epoch of training, and of the evaluation on the validation clips after it."""

    number: int
    """The first epoch is 1."""
    learning_rate: float
    """Learning rate of the epoch's first step; schedules change it after every step."""
    train_loss: float
    train_accuracy: float
    validation: Outputs
    seconds: float
    """Time of training and evaluation."""


def train(
    network: nn.Module,
    front_end: FrontEnd,
    settings: TrainingSettings,
    *,
    training: DeviceClips,
    validation: DeviceClips,
    classes: int,
    augmentation: Augmenter,
    generator: torch.Generator,
    budget: float | None = None,
    forward: Forward | None = None,
) -> Iterator[EpochOutcome]:
    """Trains the network in place, and yields after every epoch; the caller may stop iterating after any of them.

    While an outcome is with the caller the network has the weights that were evaluated: the average, if there is one.

    Args:
        network: The network, on its device.
        front_end: Computes the network's inputs.
        settings: Epochs, batch size, optimiser, schedule and the rest.
        training: The training clips.
        validation: The clips of the evaluation after every epoch.
        classes: Number of classes.
        augmentation: Changes the training batches.
        generator: CPU generator of the order of the training clips.
        budget: Seconds that all epochs may take; None for no limit.
        forward: Compiled code that the steps call in place of the network.

    Yields:
        The outcome of every epoch.

    Raises:
        OverBudget: The first steps show that the training would take longer than its budget.
        NotLogits: The network answers with something other than logits [B, classes].
        Diverged: The loss of the very first batch is no number.
    """
    start = time.perf_counter()
    loader = build_loader(training, front_end, settings, augmentation=augmentation, generator=generator)
    evaluator = Evaluator(validation, front_end, settings, classes=classes)
    steps = settings.epochs * loader.steps
    optimiser = build_optimiser(network, settings)
    schedule = build_schedule(optimiser, settings, steps)
    average = WeightAverage(network, settings.weight_average)
    time_budget = Budget(budget, steps=steps, spent=time.perf_counter() - start) if budget else None

    for number in range(1, settings.epochs + 1):
        network.train()
        learning_rate = float(schedule.get_last_lr()[0])
        # Losses are summed on the device, since reading a value back after every step would wait for the device.
        totals = torch.zeros(2, device=training.targets.device)
        examples = 0
        for done, batch in enumerate(islice(loader.batches, loader.steps), start=1 + (number - 1) * loader.steps):
            totals += step(
                forward or network,
                batch,
                loader,
                optimiser,
                schedule,
                classes=classes,
                settings=settings,
            )
            average.update()
            examples += len(batch.targets)
            if done == 1 and not totals.isfinite().all():
                raise Diverged(
                    f"the loss of the first batch is {totals[0].item():g}: the network's answer is no number"
                )
            if time_budget is not None:
                time_budget.check(done)
        with average.in_place():
            outputs = evaluator(network)
            loss_sum, correct = totals.tolist()
            yield EpochOutcome(
                number=number,
                learning_rate=learning_rate,
                train_loss=loss_sum / examples,
                train_accuracy=correct / examples,
                validation=outputs,
                seconds=time.perf_counter() - start,
            )
        start = time.perf_counter()


def step(
    network: Forward,
    batch: Batch,
    loader: Loader,
    optimiser: Optimizer,
    schedule: LRScheduler,
    *,
    classes: int,
    settings: TrainingSettings,
) -> Tensor:
    """Takes one step of the optimiser and of its schedule.

    Returns:
        The loss summed over the batch, and the number of correct examples, float32 [2] on the device.

    Raises:
        NotLogits: If the network answers with something other than logits [B, classes].
    """
    targets = batch.targets
    features, *lengths = batch.inputs
    with autocast(targets.device):
        answer = network(fastest_layout(features), *lengths)
    logits = logits_of(answer, clips=len(targets), classes=classes)
    loss = classification_loss(logits.float(), targets, settings, class_weights=loader.class_weights)
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    if settings.gradient_norm is not None:
        clip_grad_norm_(
            [weight for group in optimiser.param_groups for weight in group["params"]], settings.gradient_norm
        )
    optimiser.step()
    schedule.step()
    with torch.no_grad():
        return torch.stack([loss.detach() * len(targets), (logits.argmax(1) == likeliest(targets)).sum()])
