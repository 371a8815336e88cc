"""The module of the feature `spectrogram`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from bench_plugins.front_ends.fourier import FourierFrames, power_of
from bench_plugins.front_ends.scaling import standardise

if TYPE_CHECKING:
    from bench_plugins.features.spectrogram import Spectrogram


class LinearSpectrogram(nn.Module):
    """Waveforms [B, samples] to [B, bins, frames] or [B, 2, bins, frames]."""

    def __init__(self, config: Spectrogram) -> None:
        super().__init__()
        self.config = config
        self.transform = FourierFrames(config)
        self.scale = 1.0 / float(self.transform.window.square().sum().sqrt()) if config.unit_window else 1.0

    def forward(self, waveforms: Tensor) -> Tensor:
        spectra = self.transform(waveforms) * self.scale
        return standardise(self._planes(spectra).contiguous(), self.config.normalise)

    def _planes(self, spectra: Tensor) -> Tensor:
        """Complex [B, frames, bins] to what the exponent asks for."""
        exponent = self.config.power
        if exponent is None:
            return torch.stack((spectra.real, spectra.imag), dim=1).transpose(2, 3)
        power = power_of(spectra).transpose(1, 2)
        return power if exponent == 2.0 else power.pow(exponent / 2)
