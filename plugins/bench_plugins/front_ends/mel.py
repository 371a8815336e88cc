"""The module of the feature `mel`, and the power in mel bands that `mfcc` shares with it."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

from bench_plugins.front_ends.choices import Normalise, Scale
from bench_plugins.front_ends.fourier import FourierFrames, power_of
from bench_plugins.front_ends.scaling import decibels, standardise


class MelSpectrogram(nn.Module):
    """Waveforms [B, samples] to [B, bands, frames], scaled and normalised as the feature says."""

    def __init__(
        self, power: MelPower, *, scale: Scale, log_offset: float, top_db: float, normalise: Normalise
    ) -> None:
        super().__init__()
        self.power = power
        self.scale = scale
        self.log_offset = log_offset
        self.top_db = top_db
        self.normalise = normalise

    def forward(self, waveforms: Tensor) -> Tensor:
        return standardise(self._scaled(self.power(waveforms)), self.normalise)

    def _scaled(self, power: Tensor) -> Tensor:
        match self.scale:
            case "linear":
                return power
            case "ln":
                return (power + self.log_offset).log_()
            case "db":
                return decibels(power, top_db=self.top_db)


class MelPower(nn.Module):
    """Waveforms [B, samples] to the power in mel bands, [B, bands, frames]."""

    filters: Tensor

    def __init__(self, transform: FourierFrames, *, sample_rate: int, n_mels: int, f_min: float, f_max: float) -> None:
        super().__init__()
        self.transform = transform
        filters = mel_filters(transform.points, sample_rate=sample_rate, n_mels=n_mels, f_min=f_min, f_max=f_max)
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, waveforms: Tensor) -> Tensor:
        power = power_of(self.transform(waveforms))
        return (power @ self.filters).transpose(1, 2).contiguous()


def mel_filters(points: int, *, sample_rate: int, n_mels: int, f_min: float, f_max: float) -> Tensor:
    """Triangular filters [bins, bands], float32, on Slaney's mel scale, each of unit area; `f_min` and `f_max` in Hz.

    librosa makes them in float64, and they are rounded once. (torchaudio's are of float32, and are off where half the sample
    rate is no whole number.)
    """
    import librosa  # loads SciPy and Numba: 0.7 s of CPU and 60 MB, for these two features alone
    import numpy as np

    with warnings.catch_warnings():
        # More bands than the transform resolves leave some of them empty.
        warnings.filterwarnings("ignore", message="Empty filters", category=UserWarning)
        filters = librosa.filters.mel(
            sr=sample_rate, n_fft=points, n_mels=n_mels, fmin=f_min, fmax=f_max, dtype=np.float64
        )
    return torch.from_numpy(filters).T.float().contiguous()
