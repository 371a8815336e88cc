"""Times of a trial's parts: of one clip through the network, and of the steps of an epoch."""

from __future__ import annotations

import statistics
import time
from itertools import islice

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
CPU_BATCH = 8
"""Clips of the batch that is timed on a CPU, where time grows with the batch: all that were asked for would cost seconds of
computing for an estimate."""


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


def time_epoch(
    spec: TrialSpec, data: DataOnDevice, *, registry: Registry, cache: FeasibilityCache | None = None
) -> float:
    """Estimates the time of an epoch's steps with their features and augmentation, but without evaluation, from one step.

    Args:
        spec: The trial that would run.
        data: The splits on their device.
        registry: The plugins.
        cache: Outcomes of earlier checks whether the model takes the feature.

    Returns:
        Seconds.

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
    return _time_step(setup) * max(1.0, fullest / batch) * steps * augmented_copies


def _time_step(setup: TrialSetup) -> float:
    """Time of a step of training in seconds, after two clips have gone through the network: what comes first is slower."""
    settings, generator = setup.spec.training, setup.generator()
    loader = build_loader(
        setup.training_clips(),
        setup.front_end,
        settings,
        augmentation=setup.augmentation(generator),
        generator=generator,
    )
    optimiser = build_optimiser(setup.network, settings)
    schedule = build_schedule(optimiser, settings, 1)
    setup.network.train()
    first, batch = islice(loader.batches, 2)
    with autocast(setup.data.device):
        answer = setup.network(*(values[:2] for values in first.inputs))
    logits = logits_of(answer, clips=len(first.targets[:2]), classes=setup.classes)
    torch.autograd.backward(logits.float().sum())
    start = time.perf_counter()
    total = step(
        setup.network,
        batch,
        loader,
        optimiser,
        schedule,
        classes=setup.classes,
        label_smoothing=settings.label_smoothing,
    )
    float(total[0])  # waits for the device
    return time.perf_counter() - start
