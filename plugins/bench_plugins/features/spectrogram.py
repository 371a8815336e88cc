"""Linear-frequency spectrogram, real or complex."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.plugins import Choice
from bench_plugins.features.framing import ShortTimeFeature
from bench_plugins.front_ends.choices import Normalise

if TYPE_CHECKING:
    from torch import nn


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
        from bench_plugins.front_ends.spectrogram import LinearSpectrogram

        return LinearSpectrogram(
            self.transform(), power=self.power, unit_window=self.unit_window, normalise=self.normalise
        )

    def shape(self, samples: int) -> tuple[int, ...]:
        plane = (self.bins, self.frames(samples))
        return (2, *plane) if self.power is None else plane
