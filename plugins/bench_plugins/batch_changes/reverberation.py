"""Plays clips in rooms whose impulse responses are made of decaying noise."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Generator, Tensor

from bench.plugins import TrainingBatch

SHORTEST = 0.05
"""Shortest reverberation time in seconds."""
QUIET = 1e-6
"""Least norm of a clip that is divided by."""


def reverberated(batch: TrainingBatch, longest: float, driest: float, draws: Generator) -> TrainingBatch:
    """Waveforms with the reverberation of a drawn room each, as loud as they were."""
    waveforms = batch.inputs
    seconds = batch.uniform(draws, low=SHORTEST, high=longest)
    ratio = batch.uniform(draws, low=0.0, high=driest)
    tail = batch.normal(draws, len(waveforms), max(1, round(longest * batch.sample_rate)))
    time = torch.arange(tail.shape[1], device=tail.device) / batch.sample_rate
    tail = tail * torch.pow(10.0, -3 * time / seconds[:, None])  # 60 dB are a factor of 1000
    tail = tail / norm(tail) * torch.pow(10.0, -ratio / 20)[:, None]
    wet = waveforms + convolved(waveforms, tail)
    return replace(batch, inputs=wet * (norm(waveforms) / norm(wet).clamp_min(QUIET)))


def convolved(waveforms: Tensor, responses: Tensor) -> Tensor:
    """Waveforms [B, samples], each by its impulse response [B, taps], cut to their length."""
    samples = waveforms.shape[1]
    whole = samples + responses.shape[1] - 1
    spectrum = torch.fft.rfft(waveforms, n=whole) * torch.fft.rfft(responses, n=whole)
    return torch.fft.irfft(spectrum, n=whole)[:, :samples]


def norm(rows: Tensor) -> Tensor:
    """Norm of every row, [B, 1]."""
    return torch.linalg.vector_norm(rows, dim=1, keepdim=True)
