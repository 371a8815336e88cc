"""The module of the feature `waveform`."""

from __future__ import annotations

from torch import Tensor, nn

from bench_plugins.front_ends.choices import Normalise
from bench_plugins.front_ends.scaling import standardise


class Samples(nn.Module):
    """Waveforms [B, samples] to [B, samples]."""

    def __init__(self, *, normalise: Normalise) -> None:
        super().__init__()
        self.normalise = normalise

    def forward(self, waveforms: Tensor) -> Tensor:
        return standardise(waveforms, self.normalise)
