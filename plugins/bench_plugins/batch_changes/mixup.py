"""Mixes every clip of a batch with another one."""

from __future__ import annotations

from dataclasses import replace

import torch
from scipy.special import betaincinv
from torch import Generator

from bench.plugins import TrainingBatch


def mixed(batch: TrainingBatch, alpha: float, draws: Generator) -> TrainingBatch:
    """Inputs and targets, each with those of a drawn other clip, by shares of the distribution Beta(alpha, alpha)."""
    # torch's beta distribution takes no generator, so that shares are quantiles of even draws.
    even = torch.rand(len(batch.inputs), generator=draws).double().numpy()
    share = torch.from_numpy(betaincinv(alpha, alpha, even)).to(batch.inputs.device, torch.float32)
    other = batch.permutation(draws)
    of_inputs = share.view(-1, *[1] * (batch.inputs.dim() - 1))
    return replace(
        batch,
        inputs=of_inputs * batch.inputs + (1 - of_inputs) * batch.inputs[other],
        targets=share[:, None] * batch.targets + (1 - share)[:, None] * batch.targets[other],
        frames=None if batch.frames is None else torch.maximum(batch.frames, batch.frames[other]),
    )
