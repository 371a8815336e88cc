"""Mel spectrogram, as librosa computes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field, model_validator

from bench.plugins import Choice
from bench_plugins.features.framing import ShortTimeFeature
from bench_plugins.features.frequencies import highest_frequency
from bench_plugins.front_ends.choices import Normalise, Precision, Scale

if TYPE_CHECKING:
    from torch import nn


class Mel(ShortTimeFeature):
    """Mel spectrogram, [bands, frames]; with `normalise` none it is librosa's (Slaney's scale and area-normalised bands)."""

    name: ClassVar[str] = "mel"
    n_mels: Annotated[int, Choice(40, 64, 80), Field(ge=1)] = 40
    """Number of bands."""
    f_min: Annotated[float, Field(ge=0)] = 20.0
    """Lowest frequency of the lowest band, in Hz."""
    f_max: Annotated[float | None, Field(gt=0)] = None
    """Highest frequency, in Hz, cut to half the sample rate; None: half the sample rate."""
    scale: Annotated[Scale, Choice("ln", "db")] = "db"
    """linear: power; ln: log(power + log_offset); db: decibels, no lower than `top_db` below the clip's maximum."""
    log_offset: Annotated[float, Field(gt=0)] = 1e-6
    """Added to the power before the natural logarithm: the floor under silence."""
    top_db: Annotated[float, Field(gt=0)] = 80.0
    """Dynamic range of the decibel scale, in dB."""
    normalise: Normalise = "clip"
    """clip: every clip to mean 0 and variance 1; band: every band of every clip over time; none. Not searched: on the
    spoken digits of an unknown voice clip was best by more than 0.1 in accuracy."""

    @model_validator(mode="after")
    def _band_is_not_empty(self) -> Self:
        if self.f_min >= highest_frequency(self.f_max, self.sample_rate):
            raise ValueError(f"f_min {self.f_min:g} Hz is not below the highest frequency, see f_max and sample_rate")
        return self

    @property
    def fourier_precision(self) -> Precision:
        if self.precision == "auto" and self.scale == "db" and self.normalise == "none":
            return "float64"
        return super().fourier_precision

    def build(self) -> nn.Module:
        from bench_plugins.front_ends.mel import MelPower, MelSpectrogram

        power = MelPower(
            self.transform(),
            sample_rate=self.sample_rate,
            n_mels=self.n_mels,
            f_min=self.f_min,
            f_max=highest_frequency(self.f_max, self.sample_rate),
        )
        return MelSpectrogram(
            power, scale=self.scale, log_offset=self.log_offset, top_db=self.top_db, normalise=self.normalise
        )

    def shape(self, samples: int) -> tuple[int, ...]:
        return (self.n_mels, self.frames(samples))
