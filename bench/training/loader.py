"""Loads the batches of a training: of whole clips, of clips of their own lengths, or of segments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.plugins import TrainingSettings
from bench.training.augmentation import Augmenter
from bench.training.batches import (
    batch_sizes,
    bucketed,
    class_weights,
    examples_per_pass,
    input_samples,
    inverse_weights,
    shuffled,
    steps_per_epoch,
)
from bench.training.device_clips import DeviceClips
from bench.training.frontend import FrontEnd
from bench.training.inputs import Inputs, OwnLengthInputs, own_lengths
from bench.training.prefetch import prefetch
from bench.training.segments import RandomSegments


@dataclass(frozen=True)
class Batch:
    """The inputs and targets of one training step."""

    inputs: tuple[Tensor, ...]
    """The network's arguments: features [B, ...], and each clip's number of frames [B] if clips keep their lengths."""
    targets: Tensor
    """Class of every example, int64 [B], or soft targets, float32 [B, classes]."""


@dataclass(frozen=True)
class Loader:
    """The batches of a training, and how many of them make an epoch."""

    batches: Iterator[Batch]
    """An endless iterator; each batch is computed when it is asked for, or prefetched."""
    steps: int
    """Number of batches in an epoch."""
    class_weights: Tensor | None
    """Weights of the classes in the loss, float32 [classes]; None if all are alike."""


def build_loader(
    clips: DeviceClips,
    front_end: FrontEnd,
    settings: TrainingSettings,
    *,
    augmentation: Augmenter,
    generator: torch.Generator,
    cache: bool = True,
) -> Loader:
    """Builds the loader that the settings ask for.

    Args:
        clips: The training clips.
        front_end: Computes the network's inputs.
        settings: Batch size, segments, lengths and balance.
        augmentation: Changes every batch.
        generator: CPU generator of the order of the clips, or of the segments.
        cache: Whether features are computed once if nothing random precedes them.
    """
    if settings.segment_seconds is not None:
        return _segment_loader(clips, front_end, settings, augmentation, generator)
    return _clip_loader(
        clips, front_end, settings, augmentation, generator, cache and not augmentation.changes_waveforms
    )


def _clip_loader(
    clips: DeviceClips,
    front_end: FrontEnd,
    settings: TrainingSettings,
    augmentation: Augmenter,
    generator: torch.Generator,
    cache: bool,
) -> Loader:
    own = settings.lengths == "own"
    inputs = (OwnLengthInputs if own else Inputs)(clips, front_end, augmentation, cache=cache)

    def indices() -> Iterator[Tensor]:
        if own:
            return bucketed(clips.targets, own_lengths(clips), settings, generator)
        return shuffled(clips.targets, settings, generator)

    def batches() -> Iterator[Batch]:
        while True:
            for index in indices():
                yield Batch(*inputs.with_targets(index))

    steps = steps_per_epoch(clips, settings, sample_rate=front_end.feature.sample_rate)
    return Loader(
        prefetch(batches()) if clips.prefetch and not inputs.cached else batches(),
        steps,
        class_weights(clips.targets) if settings.balance == "loss" else None,
    )


def _segment_loader(
    clips: DeviceClips,
    front_end: FrontEnd,
    settings: TrainingSettings,
    augmentation: Augmenter,
    generator: torch.Generator,
) -> Loader:
    rate = front_end.feature.sample_rate
    width = input_samples(settings, sample_rate=rate, seconds=0.0)
    equal = settings.balance == "sampling"
    segments = RandomSegments(clips, width, peak=settings.segment_peak, equal_classes=equal)
    sizes = batch_sizes(examples_per_pass(clips, settings, sample_rate=rate), settings.batch_size)

    def batches() -> Iterator[Batch]:
        while True:
            drawn = segments.draw(sum(sizes), generator)
            inputs = Inputs(drawn, front_end, augmentation, cache=False)
            for index in torch.split(torch.arange(sum(sizes), device=clips.targets.device), sizes):
                yield Batch(*inputs.with_targets(index))

    weights = inverse_weights(segments.amounts).float().to(clips.targets.device)
    steps = steps_per_epoch(clips, settings, sample_rate=rate)
    return Loader(
        prefetch(batches()) if clips.prefetch else batches(), steps, weights if settings.balance == "loss" else None
    )
