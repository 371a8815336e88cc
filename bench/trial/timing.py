"""Times of a trial's parts: of one clip through the network, and of the steps of an epoch."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

import torch

from bench.plugins.networks import logits_of
from bench.plugins.registry import Registry
from bench.training.batches import steps_per_epoch
from bench.training.device import autocast
from bench.training.device_clips import DataOnDevice
from bench.training.loader import build_loader
from bench.training.loop import step
from bench.training.optimisers import build_optimiser, build_schedule
from bench.trial.feasibility_cache import FeasibilityCache
from bench.trial.setup import TrialSetup, build_trial
from bench.trial.trial_records import TrialSpec

CLIP_REPEATS = 7
CPU_BATCH = 32
"""Clips of the batch that is timed on a CPU, where time grows with the batch: all that were asked for would cost seconds of
computing for an estimate."""
TIMED_STEPS = 5
"""Steps that are timed at most."""
ENOUGH_SECONDS = 1.0
"""Seconds of steps after which no more are timed."""
EVALUATION = 1 / 3
"""Time of a clip in evaluation, which has no backward pass, of that in training."""


def time_clip(setup: TrialSetup) -> float:
    """Median time from the waveform of one clip, or one segment, to its logits, in ms."""
    setup.network.eval()
    device = setup.data.device
    waveform = torch.zeros(1, setup.samples, device=device)
    times = []
    with torch.no_grad():
        for _ in range(CLIP_REPEATS):
            start = time.perf_counter()
            setup.network(setup.front_end(waveform))
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


@dataclass(frozen=True)
class TrainingTime:
    """How long a trial would take, in seconds."""

    epoch: float
    """Of an epoch: its steps with what is computed anew for each, and the validation after it."""
    once: float
    """Of what is computed before the first epoch: features that are cached for all of them."""


def time_training(
    spec: TrialSpec, data: DataOnDevice, *, registry: Registry, cache: FeasibilityCache | None = None
) -> TrainingTime:
    """Estimates the time of a training from a few of its steps.

    Args:
        spec: The trial that would run.
        data: The splits on their device.
        registry: The plugins.
        cache: Outcomes of earlier checks whether the model takes the feature.

    Raises:
        Infeasible: If the model cannot take the feature.
        Exception: Whatever else a plugin raises.
    """
    settings = spec.training
    # The clips themselves stand for their copies, which are as long, and may not be made yet.
    batch = settings.batch_size if data.device.type == "cuda" else min(CPU_BATCH, settings.batch_size)
    changes = {"offline_copies": 0, "balance": "none", "batch_size": batch}
    alike = spec.model_copy(update={"training": settings.model_copy(update=changes)})
    setup = build_trial(alike, data.first(2 * batch), registry, cache=cache)
    clips = data.split("train", setup.sample_rate)
    steps = steps_per_epoch(clips, settings, sample_rate=setup.sample_rate)
    fullest = min(settings.batch_size, len(clips.targets)) if settings.segment_seconds is None else settings.batch_size
    augmented_copies = max(1, settings.offline_copies) if settings.steps is None else 1
    drawing, stepping = _time_steps(setup)
    trained = stepping * max(1.0, fullest / batch) * steps * augmented_copies
    validated = len(data.split("validation", setup.sample_rate).targets) / len(clips.targets)
    once = drawing / (2 * batch) * len(clips.targets) * (1 + validated)
    return TrainingTime(epoch=trained * (1 + validated * EVALUATION), once=once)


def _time_steps(setup: TrialSetup) -> tuple[float, float]:
    """Times what training computes first, and its steps.

    Returns:
        Seconds of the first batch and of a step, the median of several with their batches. The first step is slower, since
        libraries get ready in it, and counts nothing. Where features are cached the first batch has those of all clips.
    """
    settings, generator = setup.spec.training, setup.generator()
    augmentation = setup.augmentation(generator)
    begun = time.perf_counter()
    loader = build_loader(
        setup.training_clips(),
        setup.front_end,
        settings,
        augmentation=augmentation,
        generator=generator,
    )
    batch = next(loader.batches)
    drawing = time.perf_counter() - begun
    optimiser = build_optimiser(setup.network, settings)
    schedule = build_schedule(optimiser, settings, TIMED_STEPS + 1)
    setup.network.train()
    with autocast(setup.data.device):
        answer = setup.network(*(values[:2] for values in batch.inputs))
    logits = logits_of(answer, clips=len(batch.targets[:2]), classes=setup.classes)
    torch.autograd.backward(logits.float().sum())
    seconds: list[float] = []
    while len(seconds) <= TIMED_STEPS and (len(seconds) < 2 or sum(seconds) < ENOUGH_SECONDS):
        start = time.perf_counter()
        batch = next(loader.batches)
        total = step(
            setup.network,
            batch,
            loader,
            optimiser,
            schedule,
            classes=setup.classes,
            settings=settings,
        )
        float(total[0])  # waits for the device
        seconds.append(time.perf_counter() - start)
    return (0.0 if augmentation.changes_waveforms else drawing), statistics.median(seconds[1:])
