"""The module of the feature `band-envelope`."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad


class Envelope(nn.Module):
    """Waveforms [B, samples] to [B, bands, frames]."""

    def __init__(self, bands: int, frame: int) -> None:
        super().__init__()
        self.bands = bands
        self.frame = frame

    def forward(self, waveforms: Tensor) -> Tensor:
        frames = pad(waveforms, (0, -waveforms.shape[1] % self.frame)).unflatten(1, (-1, self.frame))
        power = torch.fft.rfft(frames).abs().square()[..., 1:]
        banded = power.unflatten(-1, (self.bands, -1)).mean(dim=-1)
        return (banded + 1e-4).log().transpose(1, 2)
