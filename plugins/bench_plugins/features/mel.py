"""Mel spectrogram, as librosa computes it."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from bench.plugins import Choice
from bench_plugins.features.framing import FourierFrames, Precision, ShortTimeFeature, power_of
from bench_plugins.features.scaling import Normalise, decibels, standardise


class Mel(ShortTimeFeature):
    """Mel spectrogram, [bands, frames]; with `normalise` none it is librosa's (Slaney's scale and area-normalised bands)."""

    name: ClassVar[str] = "mel"
    n_mels: Annotated[int, Choice(40, 64, 80), Field(ge=1)] = 40
    """Number of bands."""
    f_min: Annotated[float, Field(ge=0)] = 20.0
    """Lowest frequency of the lowest band, in Hz."""
    f_max: Annotated[float | None, Field(gt=0)] = None
    """Highest frequency, in Hz, cut to half the sample rate; None: half the sample rate."""
    scale: Annotated[Literal["linear", "ln", "db"], Choice("ln", "db")] = "db"
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

    def _precision(self) -> Precision:
        if self.precision == "auto" and self.scale == "db" and self.normalise == "none":
            return "float64"
        return super()._precision()

    def build(self) -> nn.Module:
        return _Mel(self)

    def shape(self, samples: int) -> tuple[int, ...]:
        return (self.n_mels, self.frames(samples))


class _Mel(nn.Module):
    def __init__(self, config: Mel) -> None:
        super().__init__()
        self.config = config
        self.power = MelPower(
            config.transform(),
            sample_rate=config.sample_rate,
            n_mels=config.n_mels,
            f_min=config.f_min,
            f_max=config.f_max,
        )

    def forward(self, waveforms: Tensor) -> Tensor:
        """[B, samples] to [B, bands, frames]."""
        return standardise(self._scaled(self.power(waveforms)), self.config.normalise)

    def _scaled(self, power: Tensor) -> Tensor:
        match self.config.scale:
            case "linear":
                return power
            case "ln":
                return (power + self.config.log_offset).log_()
            case "db":
                return decibels(power, top_db=self.config.top_db)


class MelPower(nn.Module):
    """Waveforms [B, samples] to the power in mel bands, [B, bands, frames]."""

    filters: Tensor

    def __init__(
        self, transform: FourierFrames, *, sample_rate: int, n_mels: int, f_min: float, f_max: float | None
    ) -> None:
        super().__init__()
        self.transform = transform
        highest = highest_frequency(f_max, sample_rate)
        filters = mel_filters(transform.points, sample_rate=sample_rate, n_mels=n_mels, f_min=f_min, f_max=highest)
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, waveforms: Tensor) -> Tensor:
        power = power_of(self.transform(waveforms))
        return (power @ self.filters).transpose(1, 2).contiguous()


def mel_filters(points: int, *, sample_rate: int, n_mels: int, f_min: float, f_max: float) -> Tensor:
    """Triangular filters [bins, bands] on Slaney's mel scale, each of unit area: librosa.filters.mel, transposed.

    Made in float64, and here, because torchaudio's are of float32 and are off where half the sample rate is no whole number.
    More bands than the transform resolves leave some of them empty.
    """
    frequencies = torch.linspace(0.0, sample_rate / 2, points // 2 + 1, dtype=torch.float64)
    edges = _hertz(torch.linspace(_mel(f_min), _mel(f_max), n_mels + 2, dtype=torch.float64))
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rising = (frequencies[:, None] - low) / (centre - low)
    falling = (high - frequencies[:, None]) / (high - centre)
    triangles = torch.minimum(rising, falling).clamp_min(0.0)
    return (triangles * 2.0 / (high - low)).float()


# Slaney's Auditory Toolbox (1998): linear up to 1 kHz, 15 mels, then 27 mels for every factor of 6.4.
LINEAR_HERTZ = 200.0 / 3.0
KNEE_HERTZ, KNEE_MEL = 1000.0, 15.0
LOG_STEP = math.log(6.4) / 27.0


def _mel(hertz: float) -> float:
    if hertz < KNEE_HERTZ:
        return hertz / LINEAR_HERTZ
    return KNEE_MEL + math.log(hertz / KNEE_HERTZ) / LOG_STEP


def _hertz(mel: Tensor) -> Tensor:
    return torch.where(mel < KNEE_MEL, mel * LINEAR_HERTZ, KNEE_HERTZ * ((mel - KNEE_MEL) * LOG_STEP).exp())


def highest_frequency(f_max: float | None, sample_rate: int) -> float:
    """`f_max`, cut to what the sample rate holds, in Hz."""
    return sample_rate / 2 if f_max is None else min(f_max, sample_rate / 2)
