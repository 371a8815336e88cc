"""The training loop: one pass after another over clips that are already on the device. No per-clip Python."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.plugins import TrainingSettings
from bench.training.augmentation import Augmentation, changes_waveforms
from bench.training.clips import DeviceClips
from bench.training.frontend import FrontEnd
from bench.training.optimisers import build_optimiser, build_schedule

EVALUATION_BATCH = 256


@dataclass(frozen=True)
class EpochOutcome:
    """One pass over the training clips and one look at the validation clips."""

    number: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    validation_logits: Tensor
    """float32 [clips, classes]."""
    seconds: float


class Inputs:
    """The network's inputs for clips by index: kept features where nothing random precedes them and they fit."""

    def __init__(
        self, clips: DeviceClips, front_end: FrontEnd, augmentation: Augmentation | None, *, keep: bool
    ) -> None:
        self._clips = clips
        self._front_end = front_end
        self._augmentation = augmentation
        self._kept = front_end.all_of(clips) if keep and front_end.fits(clips) else None

    def __call__(self, index: Tensor) -> Tensor:
        """Features [B, ...] of the clips at `index`, augmented if these inputs are for training."""
        if self._kept is not None:
            features = self._kept[index]
        else:
            waveforms = self._clips.waveforms(index)
            features = self._front_end(
                waveforms if self._augmentation is None else self._augmentation.waveforms(waveforms)
            )
        return features if self._augmentation is None else self._augmentation.features(features)


def train(
    network: nn.Module,
    front_end: FrontEnd,
    settings: TrainingSettings,
    *,
    training: DeviceClips,
    validation: DeviceClips,
    augmentation: Augmentation,
    generator: torch.Generator,
) -> Iterator[EpochOutcome]:
    """Trains the network in place, and yields after every epoch; whoever iterates may stop at any of them."""
    start = time.perf_counter()
    inputs = Inputs(training, front_end, augmentation, keep=not changes_waveforms(settings))
    validation_inputs = Inputs(validation, front_end, None, keep=True)
    batches = list(_batch_sizes(len(training.targets), settings.batch_size))
    optimiser = build_optimiser(network, settings)
    schedule = build_schedule(optimiser, settings, settings.epochs * len(batches))
    weights = class_weights(training.targets) if settings.balance == "loss" else None

    for number in range(1, settings.epochs + 1):
        network.train()
        # Summed on the device: reading a value back after every step would wait for the device every step.
        totals = torch.zeros(2, device=training.targets.device)
        order = draw_order(training.targets, settings.balance, generator).to(training.targets.device)
        for index in torch.split(order[: sum(batches)], batches):
            targets = training.targets[index]
            batch = inputs(index)  # outside autocast: a front end is float32
            with autocast(training.targets.device):
                logits = network(batch)
            loss = functional.cross_entropy(
                logits.float(), targets, weight=weights, label_smoothing=settings.label_smoothing
            )
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
            with torch.no_grad():
                totals += torch.stack([loss.detach() * len(index), (logits.argmax(1) == targets).sum()])
        validation_logits = evaluate(network, validation_inputs, len(validation.targets))
        loss_sum, correct = totals.tolist()
        yield EpochOutcome(
            number=number,
            learning_rate=float(schedule.get_last_lr()[0]),
            train_loss=loss_sum / sum(batches),
            train_accuracy=correct / sum(batches),
            validation_logits=validation_logits,
            seconds=time.perf_counter() - start,
        )
        start = time.perf_counter()


@torch.no_grad()
def evaluate(network: nn.Module, inputs: Inputs, clips: int) -> Tensor:
    """Logits float32 [clips, classes] of the first `clips` clips, with the network in evaluation mode."""
    network.eval()
    indices = torch.arange(clips, device=next(network.parameters()).device)
    logits = []
    for index in torch.split(indices, EVALUATION_BATCH):
        batch = inputs(index)  # outside autocast: a front end is float32
        with autocast(indices.device):
            logits.append(network(batch))
    return torch.cat(logits).float()


def autocast(device: torch.device) -> torch.autocast:
    """bfloat16 on a GPU; on a CPU it is off, since it costs accuracy and saves nothing there."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")


def class_weights(targets: Tensor) -> Tensor:
    """Weights [classes] inverse to the classes' sizes, with mean 1 over the clips; 0 for a class without clips."""
    counts = torch.bincount(targets).float()
    present = counts > 0
    return torch.where(present, len(targets) / (counts.clamp_min(1) * present.sum()), torch.zeros_like(counts))


def draw_order(targets: Tensor, balance: str, generator: torch.Generator) -> Tensor:
    """Indices of one epoch: every clip once, or, with balance `sampling`, as many draws with equal class probability."""
    if balance != "sampling":
        return torch.randperm(len(targets), generator=generator)
    per_clip = class_weights(targets).cpu()[targets.cpu()]
    return torch.multinomial(per_clip, len(targets), replacement=True, generator=generator)


def _batch_sizes(clips: int, batch_size: int) -> Iterator[int]:
    """Sizes of the batches; a last batch of one clip is left out, since batch normalisation cannot take it.

    Not where that would leave nothing, or where batches of one clip are what was asked for.
    """
    for start in range(0, clips, batch_size):
        size = min(batch_size, clips - start)
        if size > 1 or start == 0 or batch_size == 1:
            yield size
