"""Mel-frequency cepstral coefficients, as librosa computes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field, model_validator

from bench.plugins import Choice
from bench_plugins.features.framing import ShortTimeFeature
from bench_plugins.features.frequencies import highest_frequency
from bench_plugins.front_ends.choices import Normalise

if TYPE_CHECKING:
    from torch import nn


class Mfcc(ShortTimeFeature):
    """Cepstral coefficients of the mel spectrogram in decibels, [coefficients, frames]; no liftering."""

    name: ClassVar[str] = "mfcc"
    n_mfcc: Annotated[int, Choice(13, 20, 40), Field(ge=1)] = 40
    """Number of coefficients, the lowest (loudness) included."""
    n_mels: Annotated[int, Choice(40, 64, 80), Field(ge=1)] = 64
    """Number of mel bands that the coefficients are made from."""
    f_min: Annotated[float, Field(ge=0)] = 20.0
    """Lowest frequency of the lowest band, in Hz."""
    f_max: Annotated[float | None, Field(gt=0)] = None
    """Highest frequency, in Hz, cut to half the sample rate; None: half the sample rate."""
    top_db: Annotated[float, Field(gt=0)] = 80.0
    """Dynamic range of the decibels under the cosine transform, in dB."""
    normalise: Annotated[Normalise, Choice("clip", "band")] = "clip"
    """clip: every clip to mean 0 and variance 1; band: every coefficient of every clip over time; none."""

    @model_validator(mode="after")
    def _bands_suffice(self) -> Self:
        if self.n_mfcc > self.n_mels:
            raise ValueError(f"{self.n_mels} bands (n_mels) do not give {self.n_mfcc} coefficients (n_mfcc)")
        if self.f_min >= highest_frequency(self.f_max, self.sample_rate):
            raise ValueError(f"f_min {self.f_min:g} Hz is not below the highest frequency, see f_max and sample_rate")
        return self

    def build(self) -> nn.Module:
        from bench_plugins.front_ends.mel import MelPower
        from bench_plugins.front_ends.mfcc import CepstralCoefficients

        power = MelPower(
            self.transform(),
            sample_rate=self.sample_rate,
            n_mels=self.n_mels,
            f_min=self.f_min,
            f_max=highest_frequency(self.f_max, self.sample_rate),
        )
        return CepstralCoefficients(power, n_mfcc=self.n_mfcc, top_db=self.top_db, normalise=self.normalise)

    def shape(self, samples: int) -> tuple[int, ...]:
        return (self.n_mfcc, self.frames(samples))
