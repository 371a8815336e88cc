"""Mixes other clips of the batch in, as noise."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Generator

from bench.plugins import TrainingBatch
from bench_plugins.batch_changes.reverberation import QUIET, norm

SPAN = 20.0
"""Decibels over which ratios are drawn."""


def over_others(batch: TrainingBatch, snr: float, draws: Generator) -> TrainingBatch:
    """Waveforms, each with that of a drawn other clip below it, by their ratio of mean power in dB."""
    ratio = batch.uniform(draws, low=snr, high=snr + SPAN)
    noise = batch.inputs[batch.permutation(draws)]
    scale = norm(batch.inputs) / norm(noise).clamp_min(QUIET) * torch.pow(10.0, -ratio / 20)[:, None]
    return replace(batch, inputs=batch.inputs + scale * noise)
