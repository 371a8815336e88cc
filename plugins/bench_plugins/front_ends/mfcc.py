"""The module of the feature `mfcc`."""

from __future__ import annotations

from torch import Tensor, nn
from torchaudio.functional import create_dct

from bench_plugins.front_ends.choices import Normalise
from bench_plugins.front_ends.mel import MelPower
from bench_plugins.front_ends.scaling import decibels, standardise


class CepstralCoefficients(nn.Module):
    """Waveforms [B, samples] to [B, coefficients, frames]."""

    cosines: Tensor

    def __init__(self, power: MelPower, *, n_mfcc: int, top_db: float, normalise: Normalise) -> None:
        super().__init__()
        self.power = power
        self.top_db = top_db
        self.normalise = normalise
        bands = power.filters.shape[1]
        self.register_buffer("cosines", create_dct(n_mfcc, bands, norm="ortho").T, persistent=False)

    def forward(self, waveforms: Tensor) -> Tensor:
        levels = decibels(self.power(waveforms), top_db=self.top_db)
        return standardise(self.cosines @ levels, self.normalise)
