"""Brings a feature's values to a size that networks train well on, clip by clip and never across a batch."""

from __future__ import annotations

import torch
from torch import Tensor

from bench_plugins.front_ends.choices import Normalise

SMALLEST_DEVIATION = 1e-5
"""Added to the deviation, so that silence gives zeros and not NaN."""


def standardise(values: Tensor, over: Normalise) -> Tensor:
    """Mean 0 and variance 1 of float32 [B, ...]: over each whole clip, or over time (the last axis) in each of its bands."""
    if over == "none":
        return values
    axes = tuple(range(1, values.ndim)) if over == "clip" else (-1,)
    centred = values - values.mean(dim=axes, keepdim=True)
    deviation = centred.square().mean(dim=axes, keepdim=True).sqrt()
    return centred / (deviation + SMALLEST_DEVIATION)


def decibels(power: Tensor, *, top_db: float, smallest: float = 1e-10) -> Tensor:
    """10 log10 of power [B, bands, frames], no lower than `top_db` below the maximum of the same clip.

    As librosa.power_to_db with ref=1. (torchaudio's amplitude_to_DB takes the maximum over a three-dimensional batch.)
    """
    levels = 10.0 * power.clamp_min(smallest).log10()
    loudest = levels.amax(dim=(1, 2), keepdim=True)
    return torch.maximum(levels, loudest - top_db)
