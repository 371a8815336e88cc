"""The module of the feature `mfcc`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torchaudio.functional import create_dct

from bench_plugins.front_ends.mel import MelPower
from bench_plugins.front_ends.scaling import decibels, standardise

if TYPE_CHECKING:
    from bench_plugins.features.mfcc import Mfcc


class CepstralCoefficients(nn.Module):
    """Waveforms [B, samples] to [B, coefficients, frames]."""

    cosines: Tensor

    def __init__(self, config: Mfcc) -> None:
        super().__init__()
        self.config = config
        self.power = MelPower(config)
        self.register_buffer("cosines", create_dct(config.n_mfcc, config.n_mels, norm="ortho").T, persistent=False)

    def forward(self, waveforms: Tensor) -> Tensor:
        levels = decibels(self.power(waveforms), top_db=self.config.top_db)
        return standardise(self.cosines @ levels, self.config.normalise)
