"""The module of the feature `mel`, and the power in mel bands that `mfcc` shares with it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from bench_plugins.features.mel import highest_frequency
from bench_plugins.front_ends.fourier import FourierFrames, power_of
from bench_plugins.front_ends.scaling import decibels, standardise

if TYPE_CHECKING:
    from bench_plugins.features.mel import Mel
    from bench_plugins.features.mfcc import Mfcc


class MelSpectrogram(nn.Module):
    """Waveforms [B, samples] to [B, bands, frames], scaled and normalised as the feature says."""

    def __init__(self, config: Mel) -> None:
        super().__init__()
        self.config = config
        self.power = MelPower(config)

    def forward(self, waveforms: Tensor) -> Tensor:
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

    def __init__(self, config: Mel | Mfcc) -> None:
        super().__init__()
        self.transform = FourierFrames(config)
        highest = highest_frequency(config.f_max, config.sample_rate)
        filters = mel_filters(
            config.fft_points, sample_rate=config.sample_rate, n_mels=config.n_mels, f_min=config.f_min, f_max=highest
        )
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
