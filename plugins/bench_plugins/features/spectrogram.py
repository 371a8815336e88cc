"""Linear-frequency spectrogram, real or complex."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from bench.plugins import Choice
from bench_plugins.features.framing import FourierFrames, ShortTimeFeature, power_of
from bench_plugins.features.scaling import Normalise, standardise


class Spectrogram(ShortTimeFeature):
    """Short-time Fourier spectrogram, [bins, frames], or its real and imaginary parts as channels, [2, bins, frames]."""

    name: ClassVar[str] = "spectrogram"
    power: Annotated[float | None, Choice(2.0, 1.0, 0.5, None), Field(gt=0)] = 0.5
    """Exponent of the magnitude: 2 power, 1 magnitude, 0.5 its square root; None: real and imaginary parts."""
    unit_window: bool = True
    """Divide by the window's L2 norm, so that the scale does not depend on the window (torchaudio's `normalized`)."""
    normalise: Normalise = "clip"
    """clip: every clip to mean 0 and variance 1; band: every frequency of every clip over time; none."""

    def build(self) -> nn.Module:
        return _Spectrogram(self)

    def shape(self, samples: int) -> tuple[int, ...]:
        plane = (self.bins, self.frames(samples))
        return (2, *plane) if self.power is None else plane


class _Spectrogram(nn.Module):
    def __init__(self, config: Spectrogram) -> None:
        super().__init__()
        self.transform: FourierFrames = config.transform()
        self.scale = 1.0 / float(self.transform.window.square().sum().sqrt()) if config.unit_window else 1.0
        self.power = config.power
        self.normalise: Normalise = config.normalise

    def forward(self, waveforms: Tensor) -> Tensor:
        """[B, samples] to [B, bins, frames] or [B, 2, bins, frames]."""
        spectra = self.transform(waveforms) * self.scale
        return standardise(self._planes(spectra).contiguous(), self.normalise)

    def _planes(self, spectra: Tensor) -> Tensor:
        """Complex [B, frames, bins] to what the exponent asks for."""
        if self.power is None:
            return torch.stack((spectra.real, spectra.imag), dim=1).transpose(2, 3)
        power = power_of(spectra).transpose(1, 2)
        return power if self.power == 2.0 else power.pow(self.power / 2)
