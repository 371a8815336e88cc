"""Filters every clip by random gains over the frequencies."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Generator
from torch.nn import functional

from bench.plugins import TrainingBatch


def filtered(batch: TrainingBatch, gain: float, points: int, draws: Generator) -> TrainingBatch:
    """Waveforms whose spectrum is multiplied by gains of up to `gain` dB either way, drawn at some points for each clip."""
    samples = batch.inputs.shape[1]
    spectrum = torch.fft.rfft(batch.inputs)
    drawn = batch.uniform(draws, len(batch.inputs), 1, points, low=-gain, high=gain)
    decibels = functional.interpolate(drawn, spectrum.shape[1], mode="linear", align_corners=True)[:, 0]
    return replace(batch, inputs=torch.fft.irfft(spectrum * torch.pow(10.0, decibels / 20), n=samples))
