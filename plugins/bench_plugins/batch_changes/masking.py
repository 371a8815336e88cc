"""Masks stretches and rectangles of features with the clip's mean."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Generator, Tensor

from bench.plugins import TrainingBatch


def time_masked(batch: TrainingBatch, stretches: int, share: float, draws: Generator) -> TrainingBatch:
    """Features with some stretches of frames masked, which together are no longer than the share of them."""
    masked = torch.zeros(len(batch.inputs), batch.inputs.shape[-1], dtype=torch.bool, device=batch.inputs.device)
    for _ in range(stretches):
        masked |= stretch(batch, -1, share / stretches, draws)
    return _with_mean(batch, masked[:, None, :])


def cut_out(batch: TrainingBatch, rectangles: int, share: float, draws: Generator) -> TrainingBatch:
    """Features with some rectangles masked, no longer than the share of their dimension on either side."""
    bands, frames = batch.inputs.shape[-2:]
    masked = torch.zeros(len(batch.inputs), bands, frames, dtype=torch.bool, device=batch.inputs.device)
    for _ in range(rectangles):
        masked |= stretch(batch, -2, share, draws)[:, :, None] & stretch(batch, -1, share, draws)[:, None, :]
    return _with_mean(batch, masked)


def stretch(batch: TrainingBatch, dim: int, share: float, draws: Generator) -> Tensor:
    """A drawn stretch of a dimension for every clip, bool [B, size], of the clip's own frames alone.

    Its length is drawn evenly from 0 to the share, and its start evenly from all where it fits.
    """
    size = batch.inputs.shape[dim]
    every = torch.full((len(batch.inputs),), size, device=batch.inputs.device)
    own = batch.frames if batch.frames is not None and dim == -1 else every
    # A small number more, since 0.1 * 30 is below 3 in float32.
    length = (batch.uniform(draws) * ((share * own + 1e-4).floor() + 1)).floor()
    start = (batch.uniform(draws) * (own - length + 1)).floor() + (size - own)
    position = torch.arange(size, device=batch.inputs.device)[None, :]
    return (position >= start[:, None]) & (position < (start + length)[:, None])


def _with_mean(batch: TrainingBatch, masked: Tensor) -> TrainingBatch:
    """Features [B, ..., bands, frames] with the mean of the clip's own frames where `masked` [B, bands, frames] is set."""
    features = batch.inputs
    mean = features.flatten(1).mean(dim=1)
    if batch.frames is not None:
        mean = mean * (features.shape[-1] / batch.frames)
    between = [1] * (features.dim() - 3)
    of_clip = masked.view(len(features), *between, *masked.shape[1:])
    return replace(batch, inputs=torch.where(of_clip, mean.view(-1, *[1] * (features.dim() - 1)), features))
