"""A small front end: the loudness of a few frequency bands, frame by frame."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from bench.plugins import Choice, Feature


class BandEnvelope(Feature):
    """Logarithm of the power in equally wide frequency bands, [bands, frames], from frames that do not overlap."""

    name: ClassVar[str] = "band-envelope"
    bands: Annotated[int, Choice(16, 32)] = 32
    """Number of bands."""
    frame: Annotated[int, Choice(512, 1024)] = 512
    """Length of a frame, in samples; the last one is filled with zeros."""

    def build(self) -> nn.Module:
        return _BandEnvelope(self.bands, self.frame)

    def shape(self, samples: int) -> tuple[int, ...]:
        return self.bands, -(-samples // self.frame)


class _BandEnvelope(nn.Module):
    def __init__(self, bands: int, frame: int) -> None:
        super().__init__()
        self.bands = bands
        self.frame = frame

    def forward(self, waveforms: Tensor) -> Tensor:
        """[B, samples] to [B, bands, frames]."""
        frames = pad(waveforms, (0, -waveforms.shape[1] % self.frame)).unflatten(1, (-1, self.frame))
        power = torch.fft.rfft(frames).abs().square()[..., 1:]
        banded = power.unflatten(-1, (self.bands, -1)).mean(dim=-1)
        return (banded + 1e-4).log().transpose(1, 2)
