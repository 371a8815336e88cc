"""Plays clips faster or slower, by resampling them."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Generator, Tensor
from torch.nn import functional
from torchaudio.functional import resample

from bench.plugins import TrainingBatch

GRID = 40
"""Factors are multiples of 1 / GRID: the work of resampling grows with the terms of a factor's fraction."""


def at_speeds(batch: TrainingBatch, speeds: tuple[float, float], groups: int, draws: Generator) -> TrainingBatch:
    """Waveforms at a drawn speed for each of some consecutive parts of the batch, whose order is random anyway.

    Factors are drawn evenly in their logarithm, so that slower is as likely as faster.
    """
    low, high = (math.log(speed) for speed in speeds)
    parts = batch.inputs.tensor_split(min(groups, len(batch.inputs)))
    drawn = torch.exp(low + (high - low) * torch.rand(len(parts), generator=draws)).tolist()
    return replace(batch, inputs=torch.cat([at_speed(part, speed) for part, speed in zip(parts, drawn, strict=True)]))


def at_speed(waveforms: Tensor, speed: float) -> Tensor:
    """Waveforms [B, samples] at this speed, rounded to the grid, in their length: cut, or with zeros at their end."""
    samples = waveforms.shape[1]
    played = resample(waveforms, round(speed * GRID), GRID)
    return functional.pad(played, (0, max(0, samples - played.shape[1])))[:, :samples]
