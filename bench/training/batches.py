"""The order in which a training uses its clips: shuffled passes, cut into batches, drawn from one generator."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from bench.plugins import TrainingSettings
from bench.training.device_clips import DeviceClips
from bench.training.segments import segment_counts

WINDOW = 16
"""Batches within which clips are sorted by length; few, so that a batch is not the same in every pass."""


def input_samples(settings: TrainingSettings, *, sample_rate: int, seconds: float) -> int:
    """Samples of the network's longest input: those of a segment, or of the data set's clips of `seconds`."""
    return max(1, round((settings.segment_seconds or seconds) * sample_rate))


def examples_per_pass(clips: DeviceClips, settings: TrainingSettings, *, sample_rate: int) -> int:
    """Examples that a pass uses: every clip once, or as many segments as the clips hold.

    If the settings give the number of steps, it is as many segments as those need, since segments are drawn without end.
    """
    if settings.segment_seconds is None:
        return len(clips.targets)
    if settings.steps is not None:
        return settings.steps * settings.batch_size
    width = input_samples(settings, sample_rate=sample_rate, seconds=0.0)
    return int(segment_counts(clips.lengths, width).sum())


def steps_per_epoch(clips: DeviceClips, settings: TrainingSettings, *, sample_rate: int) -> int:
    """Number of optimiser steps in an epoch."""
    examples = examples_per_pass(clips, settings, sample_rate=sample_rate)
    return settings.steps or len(batch_sizes(examples, settings.batch_size))


def batch_sizes(examples: int, batch_size: int) -> list[int]:
    """Sizes of the batches of a pass; a last batch of one example is left out, since batch normalisation cannot take it.

    It is not left out if it is the only one, or if batches of one example are what was asked for.
    """
    sizes = [min(batch_size, examples - start) for start in range(0, examples, batch_size)]
    return sizes[:-1] if len(sizes) > 1 and sizes[-1] == 1 < batch_size else sizes


def shuffled(targets: Tensor, settings: TrainingSettings, generator: torch.Generator) -> Iterator[Tensor]:
    """Yields the batches of one pass: indices of clips, int64 [B], on the device of the targets."""
    sizes = batch_sizes(len(targets), settings.batch_size)
    order = draw_order(targets, settings.balance, generator).to(targets.device)
    yield from torch.split(order[: sum(sizes)], sizes)


def bucketed(
    targets: Tensor, lengths: Tensor, settings: TrainingSettings, generator: torch.Generator
) -> Iterator[Tensor]:
    """Yields the batches of one pass, each of clips of about the same length.

    Clips are shuffled and sorted by length within windows of some batches; then the batches are shuffled.

    Args:
        targets: int64 [clips].
        lengths: Samples of every clip, int64 [clips] on the CPU.
        settings: Batch size and balance.
        generator: CPU generator of all draws.

    Yields:
        Indices of clips, int64 [B] on the CPU.
    """
    sizes = batch_sizes(len(targets), settings.batch_size)
    order = draw_order(targets, settings.balance, generator)[: sum(sizes)]
    windows = torch.split(order, WINDOW * settings.batch_size)
    batches = torch.split(torch.cat([window[lengths[window].argsort(stable=True)] for window in windows]), sizes)
    for number in torch.randperm(len(batches), generator=generator).tolist():
        yield batches[number]


def draw_order(targets: Tensor, balance: str, generator: torch.Generator) -> Tensor:
    """Draws the indices of one pass: every clip once, or with balance `sampling` as many with equal class probability."""
    if balance != "sampling":
        return torch.randperm(len(targets), generator=generator)
    per_clip = class_weights(targets).cpu()[targets.cpu()]
    return torch.multinomial(per_clip, len(targets), replacement=True, generator=generator)


def class_weights(targets: Tensor) -> Tensor:
    """Computes weights [classes] inverse to the classes' sizes, with mean 1 over the clips; 0 for a class without clips."""
    return inverse_weights(torch.bincount(targets).float())


def inverse_weights(amounts: Tensor) -> Tensor:
    """Computes weights [classes] inverse to the amount of every class, with mean 1 over all; 0 for an amount of 0."""
    present = amounts > 0
    smallest = amounts[present].min()
    return torch.where(
        present, amounts.sum() / (amounts.clamp_min(smallest) * present.sum()), torch.zeros_like(amounts)
    )
