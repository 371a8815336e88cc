"""The module of the feature `spectrogram`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench_plugins.front_ends.choices import Normalise
from bench_plugins.front_ends.fourier import FourierFrames, power_of
from bench_plugins.front_ends.scaling import standardise


class LinearSpectrogram(nn.Module):
    """Waveforms [B, samples] to [B, bins, frames] or [B, 2, bins, frames]."""

    def __init__(
        self, transform: FourierFrames, *, power: float | None, unit_window: bool, normalise: Normalise
    ) -> None:
        super().__init__()
        self.transform = transform
        self.exponent = power
        self.normalise = normalise
        self.scale = 1.0 / float(transform.window.square().sum().sqrt()) if unit_window else 1.0

    def forward(self, waveforms: Tensor) -> Tensor:
        spectra = self.transform(waveforms) * self.scale
        return standardise(self._planes(spectra).contiguous(), self.normalise)

    def _planes(self, spectra: Tensor) -> Tensor:
        """Complex [B, frames, bins] to what the exponent asks for."""
        if self.exponent is None:
            return torch.stack((spectra.real, spectra.imag), dim=1).transpose(2, 3)
        power = power_of(spectra).transpose(1, 2)
        return power if self.exponent == 2.0 else power.pow(self.exponent / 2)
